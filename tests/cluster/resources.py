"""Which kinds the server knows: the built-in ones by a table, more by their CustomResourceDefinitions; discovery."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.refusals import Refusal

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

# group, version: plural Kind [namespaced as *] [short name] [/subresources]
_BUILT_IN = """
v1: configmaps ConfigMap * cm; endpoints Endpoints * ep; events Event * ev; limitranges LimitRange * limits
v1: namespaces Namespace - ns /status /finalize; nodes Node - no /status
v1: persistentvolumes PersistentVolume - pv /status
v1: persistentvolumeclaims PersistentVolumeClaim * pvc /status; pods Pod * po /status /log /eviction
v1: resourcequotas ResourceQuota * quota /status; secrets Secret * -; serviceaccounts ServiceAccount * sa /token
v1: services Service * svc /status
apps/v1: controllerrevisions ControllerRevision * -; daemonsets DaemonSet * ds /status
apps/v1: deployments Deployment * deploy /status /scale; replicasets ReplicaSet * rs /status /scale
apps/v1: statefulsets StatefulSet * sts /status /scale
batch/v1: cronjobs CronJob * cj /status; jobs Job * - /status
autoscaling/v2: horizontalpodautoscalers HorizontalPodAutoscaler * hpa /status
networking.k8s.io/v1: ingresses Ingress * ing /status; networkpolicies NetworkPolicy * netpol
networking.k8s.io/v1: ingressclasses IngressClass - -
policy/v1: poddisruptionbudgets PodDisruptionBudget * pdb /status
rbac.authorization.k8s.io/v1: roles Role * -; rolebindings RoleBinding * -; clusterroles ClusterRole - -
rbac.authorization.k8s.io/v1: clusterrolebindings ClusterRoleBinding - -
storage.k8s.io/v1: storageclasses StorageClass - sc
admissionregistration.k8s.io/v1: validatingwebhookconfigurations ValidatingWebhookConfiguration - -
apiextensions.k8s.io/v1: customresourcedefinitions CustomResourceDefinition - crd /status
scheduling.k8s.io/v1: priorityclasses PriorityClass - pc
coordination.k8s.io/v1: leases Lease * -
events.k8s.io/v1: events Event * ev
discovery.k8s.io/v1: endpointslices EndpointSlice * -
authorization.k8s.io/v1: selfsubjectaccessreviews SelfSubjectAccessReview - -
authorization.k8s.io/v1: selfsubjectrulesreviews SelfSubjectRulesReview - -
authentication.k8s.io/v1: selfsubjectreviews SelfSubjectReview - -
"""
_ASKED_ONLY = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}


@dataclass(frozen=True)
class Resource:
    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short: str = ""
    subresources: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def verbs(self) -> tuple[str, ...]:
        return ("create",) if self.plural in _ASKED_ONLY else VERBS


class Resources:
    """Known kinds; `register` takes a CustomResourceDefinition."""

    def __init__(self) -> None:
        self._known = list(_built_in())

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._known)

    def register(self, crd: Mapping[str, Any]) -> None:
        self.forget(crd)
        spec = crd["spec"]
        names = spec["names"]
        for version in spec["versions"]:
            if version.get("served", True):
                short = (names.get("shortNames") or [""])[0]
                subs = tuple(version.get("subresources") or ())
                schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
                resource = Resource(
                    spec["group"], version["name"], names["plural"], names["kind"], spec["scope"] == "Namespaced",
                    short, subs, schema,
                )  # fmt: skip
                self._known.append(resource)

    def forget(self, crd: Mapping[str, Any]) -> None:
        spec = crd["spec"]
        gone = (spec["group"], spec["names"]["plural"])
        self._known = [one for one in self._known if (one.group, one.plural) != gone]

    def at(self, group: str, version: str, plural: str) -> Resource:
        for one in self._known:
            if (one.group, one.version, one.plural) == (group, version, plural):
                return one
        raise Refusal(404, "the server could not find the requested resource", details={"causes": []})

    def of_kind(self, kind: str, group: str | None = None) -> Resource:
        for one in self._known:
            if one.kind == kind and group in (None, one.group):
                return one
        raise LookupError(f"no kind {kind}")

    def of(self, obj: Mapping[str, Any]) -> Resource:
        return self.of_kind(obj["kind"], obj["apiVersion"].rpartition("/")[0])

    def groups(self) -> dict[str, list[str]]:
        """Versions by group, the core group left out."""
        found: dict[str, list[str]] = {}
        for one in self._known:
            versions = found.setdefault(one.group, [])
            if one.version not in versions:
                versions.append(one.version)
        found.pop("", None)
        return found


def _built_in() -> Iterator[Resource]:
    for line in _BUILT_IN.strip().splitlines():
        api_version, _, rest = line.partition(": ")
        group, _, version = api_version.rpartition("/")
        for text in rest.split("; "):
            plural, kind, scope, *more = text.split()
            short = next((word for word in more if not word.startswith(("/", "-"))), "")
            subs = tuple(word[1:] for word in more if word.startswith("/"))
            yield Resource(group, version, plural, kind, scope == "*", short, subs)


def discovery(resources: Resources, path: list[str]) -> dict[str, Any] | None:
    """The answer to `/api`, `/apis`, `/api/v1`, `/apis/GROUP` and `/apis/GROUP/VERSION`, or None for any other path."""
    match path:
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            groups = [_group(name, versions) for name, versions in resources.groups().items()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["api", "v1"]:
            return _listing(resources, "", "v1")
        case ["apis", group] if group in resources.groups():
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, resources.groups()[group])}
        case ["apis", group, version] if version in resources.groups().get(group, ()):
            return _listing(resources, group, version)
    return None


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _listing(resources: Resources, group: str, version: str) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    for one in resources:
        if (one.group, one.version) != (group, version):
            continue
        entry: dict[str, Any] = {
            "name": one.plural, "singularName": one.kind.lower(), "namespaced": one.namespaced, "kind": one.kind,
            "verbs": list(one.verbs),
        }  # fmt: skip
        entries.append(entry | ({"shortNames": [one.short]} if one.short else {}))
        for sub in one.subresources:
            kind = {"scale": "Scale", "eviction": "Eviction", "token": "TokenRequest"}.get(sub, one.kind)
            verbs = (
                ["get"] if sub == "log" else ["create"] if sub in ("eviction", "token") else ["get", "patch", "update"]
            )
            entries.append({**entry, "name": f"{one.plural}/{sub}", "singularName": "", "kind": kind, "verbs": verbs})
    api_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": entries}
