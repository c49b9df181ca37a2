"""What the templates of `targets/kubernetes` are given: for each kind of object, items with all that was decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.graph.model import Node
from modelyard.targets.kubernetes.names import Scope

Item = dict[str, Any]
GROUPS = {
    "ResourceQuota": "quotas", "LimitRange": "limits", "NetworkPolicy": "policies", "ServiceAccount": "accounts",
    "Role": "roles", "RoleBinding": "bindings", "ExternalSecret": "external_secrets", "PersistentVolumeClaim": "claims",
    "ConfigMap": "configmaps", "Service": "services", "StatefulSet": "statefulsets", "Deployment": "deployments",
    "PodDisruptionBudget": "budgets", "HorizontalPodAutoscaler": "autoscalers", "Ingress": "ingresses",
    "HTTPRoute": "routes", "CronJob": "cronjobs", "Job": "jobs",
}  # fmt: skip
"""Kinds in the order in which they are applied, each with its name in `target.yaml`."""


@dataclass(frozen=True)
class Head:
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def annotated(self, annotations: Mapping[str, str]) -> "Head":
        """With further ones, which never stand in the place of ours."""
        return replace(self, annotations={**annotations, **self.annotations})


@dataclass
class Sheet:
    """Collects items of one environment. What belongs to no address of the graph is the environment's own."""

    scope: Scope
    items: dict[str, list[Item]] = field(default_factory=lambda: {group: [] for group in GROUPS.values()})

    @property
    def own_head(self) -> Head:
        return Head(self.scope.labels, self.scope.annotations_of())

    def add(self, kind: str, name: str, head: Head | None = None, *, folder: str = "", **decided: Any) -> None:
        head = head or self.own_head
        self.items[GROUPS[kind]].append(
            {
                "file": f"{folder}{kind.lower()}-{name}.yaml",
                "name": name,
                "namespace": self.scope.namespace,
                "labels": head.labels,
                "annotations": head.annotations,
                **decided,
            }
        )


def head_of(scope: Scope, node: Node, fingerprint: str | None = None) -> Head:
    """Of all objects of one service."""
    return Head(scope.labels_of(node.address, node.kind, fingerprint), scope.annotations_of(node.address, fingerprint))
