"""Who may do what in the cluster: the runner a little, everybody else nothing. No rule has a wildcard."""

from collections.abc import Sequence
from typing import Any

from modelyard.graph.model import Graph
from modelyard.state.cluster_objects import state_names
from modelyard.targets.kubernetes.manifests.monitors import cron_of
from modelyard.targets.kubernetes.manifests.sheet import Sheet
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import knative, runner_rules, seldon2
from modelyard.targets.kubernetes.settings import Cluster

ACCOUNTS = ("runner", "tasks", "services")
_READ = ("get", "list", "watch")


def add_access(sheet: Sheet, graph: Graph, cluster: Cluster, *, state: bool) -> None:
    """`state`: the record of what was applied is the cluster's own objects."""
    scope = sheet.scope
    for account in ACCOUNTS:
        sheet.add("ServiceAccount", scope.shared(account), sheet.own_head.annotated(cluster.service_account))
    runner = scope.shared("runner")
    rules = [*_RULES, *_of_monitors(graph), *(_of_state(scope) if state else ())]
    rules += [
        _rule("what operators do the work as", one["apiGroups"][0], one["resources"], one["verbs"])
        for one in runner_rules(cluster)
    ]
    rules += [
        _rule("an endpoint that rolls out", one["apiGroups"][0], one["resources"], one["verbs"], one.get("names", ()))
        for one in knative.rules(graph, scope)
    ]
    rules += [
        _rule("which version Seldon loads", one["apiGroups"][0], one["resources"], one["verbs"], one["names"])
        for one in seldon2.rules(graph, scope, cluster)
    ]
    sheet.add("Role", runner, rules=rules)
    sheet.add("RoleBinding", runner, role=runner, account=runner)


def _of_monitors(graph: Graph) -> list[dict[str, Any]]:
    """The run makes them: they begin with what tasks have made."""
    monitors = [node for node in graph.nodes.values() if node.kind == "monitor"]
    kinds = {("batch", "cronjobs") if cron_of(node) else ("apps", "deployments") for node in monitors}
    verbs = ("create", "delete", "patch")
    return [
        _rule("monitors, which begin with what tasks have made", group, [name], verbs) for group, name in sorted(kinds)
    ]


def _of_state(scope: Scope) -> list[dict[str, Any]]:
    secrets, leases = state_names(scope.shared("state"))
    return [
        _rule("one run at a time", "coordination.k8s.io", ["leases"], ["create"]),
        _rule("the same", "coordination.k8s.io", ["leases"], ["get", "update"], leases),
        _rule("the record of what was applied", "", ["secrets"], ["create"]),
        _rule("the same", "", ["secrets"], ["get", "update"], secrets),
    ]


def _rule(
    why: str, group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()
) -> dict[str, Any]:
    return {"why": why, "groups": [group], "resources": list(resources), "verbs": list(verbs), "names": list(names)}


_RULES = (
    _rule("a Job each task", "batch", ["jobs"], ["create", "delete", *_READ]),
    _rule("what each task is told", "", ["configmaps"], ["create", "delete", *_READ]),
    _rule("how a task is doing, and why it failed", "", ["pods"], _READ),
    _rule("a task's events and its result", "", ["pods/log"], ["get"]),
    _rule("what the cluster says about it", "", ["events"], _READ),
    _rule("whether a service is up", "apps", ["deployments", "statefulsets"], _READ),
    _rule("the same of monitors", "batch", ["cronjobs"], _READ),
    _rule("where a service is", "", ["services"], _READ),
)
