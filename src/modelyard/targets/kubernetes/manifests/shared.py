"""What all pods of an environment share: rights, networks, secrets, the volume of the store, bounds, the schedule."""

from collections.abc import Mapping

from modelyard.graph.model import Graph
from modelyard.secrets import references
from modelyard.targets.kubernetes.manifests.access import add_access
from modelyard.targets.kubernetes.manifests.networks import add_networks
from modelyard.targets.kubernetes.manifests.runner import add_schedule
from modelyard.targets.kubernetes.manifests.secrets import OWN, place_of
from modelyard.targets.kubernetes.manifests.sheet import Sheet
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.quantities import cores, size
from modelyard.targets.kubernetes.settings import Cluster, Quota
from modelyard.urls import is_local

_GPU = "requests.nvidia.com/gpu"
_KEPT = {"argocd.argoproj.io/sync-options": "Prune=false", "kustomize.toolkit.fluxcd.io/prune": "disabled"}
"""Data outlives the line of the spec that asked for it, in GitOps too."""


def add_shared(sheet: Sheet, graph: Graph, cluster: Cluster, images: Mapping[str, str]) -> None:
    if cluster.quota:
        _add_quota(sheet, cluster.quota, cluster)
    add_networks(sheet, graph, cluster)
    state = (graph.settings.get("state") or {}).get("uri")
    add_access(sheet, graph, cluster, state=is_local(state) or str(state).startswith("kubernetes:"))
    _add_external_secrets(sheet, graph, cluster)
    _add_claim(sheet, cluster)
    add_schedule(sheet, graph, cluster, images)


def secrets_of(graph: Graph, scope: Scope, cluster: Cluster) -> dict[str, list[str]]:
    """All Secrets that pods read, with the keys that they read there."""
    settings = {key: value for key, value in graph.settings.items() if key != "secrets"}
    names = references([settings, cluster.env, *(node.config for node in graph.nodes.values())])
    found: dict[str, set[str]] = {}
    for name in names:
        secret, key = place_of(name, scope, graph.settings)
        found.setdefault(secret, set()).add(key)
    return {secret: sorted(found[secret]) for secret in sorted(found)}


def _add_external_secrets(sheet: Sheet, graph: Graph, cluster: Cluster) -> None:
    own, given = sheet.scope.shared(OWN), cluster.secrets
    keys = secrets_of(graph, sheet.scope, cluster).get(own, [])
    if given.provider == "external" and keys:
        sheet.add(
            "ExternalSecret",
            own,
            target=own,
            store=given.store,
            store_kind=given.store_kind,
            refresh=given.refresh,
            remote_keys={key: f"{given.path}{key}" for key in keys},
        )


def _add_claim(sheet: Sheet, cluster: Cluster) -> None:
    volume = cluster.store
    if volume:
        sheet.add(
            "PersistentVolumeClaim",
            sheet.scope.shared("store"),
            sheet.own_head.annotated(_KEPT),
            size=size(volume.size),
            storage_class=volume.storage_class,
            access=volume.access,
        )


def _add_quota(sheet: Sheet, quota: Quota, cluster: Cluster) -> None:
    """And defaults, without which a quota would refuse the pods of others that state nothing."""
    hard = {
        "requests.cpu": quota.cpu and cores(quota.cpu),
        "limits.memory": quota.memory and size(quota.memory),
        _GPU: None if quota.gpu is None else str(quota.gpu),
        "pods": quota.pods and str(quota.pods),
    }
    sheet.add("ResourceQuota", sheet.scope.instance, hard={key: value for key, value in hard.items() if value})
    memory = size(cluster.memory)
    sheet.add(
        "LimitRange",
        sheet.scope.instance,
        default={"memory": memory},
        default_request={"cpu": "100m", "memory": memory},
    )
