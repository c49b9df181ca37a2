"""Kinds of Kubernetes objects and where their API lives; what is built in needs no question to the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Object = dict[str, Any]
"""A Kubernetes object as JSON."""


class Kind(NamedTuple):
    """`Kind("batch/v1", "Job")`."""

    api_version: str
    name: str

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def group_kind(self) -> str:
        """`Job.batch`, `Secret`: as ApplySets name it."""
        return f"{self.name}.{self.group}" if self.group else self.name

    def __str__(self) -> str:
        return f"{self.name} ({self.api_version})"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as URLs and RBAC rules name it."""

    kind: Kind
    plural: str
    namespaced: bool = True

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        root = f"/apis/{self.kind.api_version}" if self.kind.group else f"/api/{self.kind.api_version}"
        parts = [root, *(("namespaces", namespace) if self.namespaced else ()), self.plural, name, subresource]
        return "/".join(part for part in parts if part)


CONFIG_MAP = Kind("v1", "ConfigMap")
CRON_JOB = Kind("batch/v1", "CronJob")
CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
DEPLOYMENT = Kind("apps/v1", "Deployment")
EVENT = Kind("v1", "Event")
JOB = Kind("batch/v1", "Job")
LEASE = Kind("coordination.k8s.io/v1", "Lease")
NAMESPACE = Kind("v1", "Namespace")
POD = Kind("v1", "Pod")
PVC = Kind("v1", "PersistentVolumeClaim")
REPLICA_SET = Kind("apps/v1", "ReplicaSet")
SECRET = Kind("v1", "Secret")
SERVICE = Kind("v1", "Service")
STATEFUL_SET = Kind("apps/v1", "StatefulSet")

OPERATED = ("InferenceService", "SeldonDeployment", "Model")
"""Kinds of operators that stand for a Deployment of ours, and have its labels, as have pods made for it alone."""

_NAMESPACED = {
    CONFIG_MAP: "configmaps", CRON_JOB: "cronjobs", DEPLOYMENT: "deployments", EVENT: "events", JOB: "jobs",
    LEASE: "leases", POD: "pods", PVC: "persistentvolumeclaims", REPLICA_SET: "replicasets", SECRET: "secrets",
    SERVICE: "services", STATEFUL_SET: "statefulsets",
    Kind("v1", "LimitRange"): "limitranges",
    Kind("v1", "ResourceQuota"): "resourcequotas",
    Kind("v1", "ServiceAccount"): "serviceaccounts",
    Kind("apps/v1", "DaemonSet"): "daemonsets",
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"): "horizontalpodautoscalers",
    Kind("networking.k8s.io/v1", "Ingress"): "ingresses",
    Kind("networking.k8s.io/v1", "NetworkPolicy"): "networkpolicies",
    Kind("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets",
    Kind("rbac.authorization.k8s.io/v1", "Role"): "roles",
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding"): "rolebindings",
}  # fmt: skip
_OF_THE_CLUSTER = {
    CRD: "customresourcedefinitions",
    NAMESPACE: "namespaces",
    Kind("v1", "Node"): "nodes",
    Kind("authorization.k8s.io/v1", "SelfSubjectAccessReview"): "selfsubjectaccessreviews",
    Kind("rbac.authorization.k8s.io/v1", "ClusterRole"): "clusterroles",
    Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): "clusterrolebindings",
    Kind("scheduling.k8s.io/v1", "PriorityClass"): "priorityclasses",
    Kind("storage.k8s.io/v1", "StorageClass"): "storageclasses",
}

BUILT_IN: Mapping[Kind, Resource] = {
    kind: Resource(kind, plural, namespaced)
    for table, namespaced in ((_NAMESPACED, True), (_OF_THE_CLUSTER, False))
    for kind, plural in table.items()
}


def kind_of(obj: Mapping[str, Any]) -> Kind:
    return Kind(obj["apiVersion"], obj["kind"])


def name_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["name"])


def title_of(obj: Mapping[str, Any]) -> str:
    """`Deployment prod-api`: how messages name an object."""
    return f"{obj['kind']} {name_of(obj)}"


def selector_of(labels: Mapping[str, str]) -> str:
    """The API's `labelSelector` for objects that have all of them."""
    return ",".join(f"{name}={value}" for name, value in labels.items())
