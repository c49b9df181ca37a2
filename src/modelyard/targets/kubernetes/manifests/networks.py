"""NetworkPolicies: nothing comes in or goes out but what the graph says, names, and the run's calls of the API."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelyard.graph.model import Graph, Node
from modelyard.targets.kubernetes.manifests.addresses import ports_of
from modelyard.targets.kubernetes.manifests.sheet import Sheet, head_of
from modelyard.targets.kubernetes.names import COMPONENT, PREFIX, Scope
from modelyard.targets.kubernetes.operators.katib import takes_study, ways_to_katib
from modelyard.targets.kubernetes.operators.knative import rolls_out
from modelyard.targets.kubernetes.settings import Cluster, Dns
from modelyard.targets.ports import PORTS
from modelyard.urls import is_local

_API_SERVER = (443, 6443, 8443)
"""Of the Service, and behind it: some plugins look at packets after the Service's address is replaced."""
_NAMESPACE = "kubernetes.io/metadata.name"
_DNS = 53
Rule = Mapping[str, Any]


def add_networks(sheet: Sheet, graph: Graph, cluster: Cluster) -> None:
    """What goes for all pods, and for those of tasks and of runs. Services have their own."""
    scope, settings = sheet.scope, graph.settings
    _add(
        sheet,
        "deny",
        scope.own_labels,
        "Nothing, for every pod of this environment; the other policies open what it needs.",
        types=["Ingress", "Egress"],
    )
    _add(
        sheet,
        "names",
        scope.own_labels,
        "Names are looked up, by the cluster's DNS or its cache on the node.",
        egress=_names(cluster.dns),
    )
    tasks = [node for node in graph.nodes.values() if node.role == "task"]
    everywhere = _everywhere(settings, cluster)
    named = ports_of(*([node.config, node.external.uri if node.external else ""] for node in tasks))
    tracking = to_tracking(scope, graph)
    _add(
        sheet,
        "tasks",
        pods(scope, "task"),
        "Tasks: the store, tracking, and the addresses that the spec's steps and sources name.",
        egress=[*to_ports(everywhere | named), *tracking],
    )
    if any(takes_study(node, cluster) for node in tasks):
        _add(
            sheet,
            "trials",
            {**pods(scope, "task"), f"{PREFIX}kind": "tune"},
            "Trials: Katib's collector beside each tells it the metric, and is told when to end early.",
            egress=ways_to_katib(),
        )
    told = ports_of(settings.get("state"), settings.get("notifications")) | _told(settings)
    _add(
        sheet,
        "runner",
        pods(scope, "runner"),
        "The run: the API server, the store, the state, tracking, and those whom it tells.",
        egress=[*to_ports(everywhere | told | set(_API_SERVER)), *tracking, *_to_rolling(scope, graph)],
    )
    monitors = [node.config for node in graph.nodes.values() if node.kind == "monitor"]
    if monitors:
        _add(
            sheet,
            "monitors",
            pods(scope, "monitor"),
            "Monitors: the store, tracking, and those whom they tell.",
            egress=[*to_ports(everywhere | ports_of(monitors) | _told(settings)), *tracking],
        )


def _add(
    sheet: Sheet,
    part: str,
    selector: Mapping[str, str],
    why: str,
    *,
    types: Sequence[str] = ("Egress",),
    egress: Sequence[Rule] = (),
) -> None:
    name = sheet.scope.shared(part)
    sheet.add("NetworkPolicy", name, selector=selector, types=list(types), ingress=[], egress=list(egress), why=why)


def add_service_network(sheet: Sheet, node: Node, graph: Graph, cluster: Cluster, ingress: Sequence[Rule]) -> None:
    """What one service is reached by, and what it reaches: the store, and what its section names."""
    scope = sheet.scope
    egress = to_ports(_everywhere(graph.settings, cluster) | ports_of(node.config))
    if not ingress and not egress:
        return
    sheet.add(
        "NetworkPolicy",
        scope.name(node.address),
        head_of(scope, node),
        selector=scope.match(node.address),
        types=[*(["Ingress"] if ingress else []), *(["Egress"] if egress else [])],
        ingress=list(ingress),
        egress=egress,
        why="",
    )


def pods(scope: Scope, component: str) -> dict[str, str]:
    return {**scope.own_labels, COMPONENT: component}


def to_ports(ports: Iterable[int]) -> list[Rule]:
    """Anywhere: a policy knows no names of hosts."""
    listed = [{"protocol": "TCP", "port": port} for port in sorted(ports)]
    return [{"ports": listed}] if listed else []


def to_tracking(scope: Scope, graph: Graph) -> list[Rule]:
    if not is_local((graph.settings.get("tracking") or {}).get("uri")):
        return []
    peer = {"podSelector": {"matchLabels": pods(scope, "tracking")}}
    return [{"to": [peer], "ports": [{"protocol": "TCP", "port": PORTS["tracking"]}]}]


def _to_rolling(scope: Scope, graph: Graph) -> list[Rule]:
    """Servers that roll out: the run asks them how they answer."""
    if not any(map(rolls_out, graph.nodes.values())):
        return []
    peer = {"podSelector": {"matchLabels": pods(scope, "serve")}}
    return [{"to": [peer], "ports": [{"protocol": "TCP", "port": PORTS["serve"]}]}]


def from_own(scope: Scope, port: int, components: Sequence[str]) -> Rule:
    """From pods of this environment that do one of these."""
    expression = {"key": COMPONENT, "operator": "In", "values": list(components)}
    peer = {"podSelector": {"matchLabels": scope.own_labels, "matchExpressions": [expression]}}
    return {"from": [peer], "ports": [{"protocol": "TCP", "port": port}]}


def from_clients(cluster: Cluster, port: int) -> Rule:
    """From pods of the namespace, from namespaces that the spec names, and from where requests of the outside come."""
    expose = cluster.expose
    way = expose.ingress or expose.gateway
    ports = [{"protocol": "TCP", "port": port}]
    if way and way.controller is None:
        return {"ports": ports}
    named = [way.controller if way else None, *expose.clients, expose.metrics]
    spaces = sorted({space for space in named if space})
    others = [{"namespaceSelector": {"matchLabels": {_NAMESPACE: space}}} for space in spaces]
    return {"from": [{"podSelector": {}}, *others], "ports": ports}


def _names(dns: Dns) -> list[Rule]:
    """Pods at the ports that they listen at, as plugins see them: OpenShift's behind 53 is 5353. Others at 53."""
    pods = [{"namespaceSelector": {"matchLabels": {_NAMESPACE: space}}} for space in dns.namespaces]
    others = [{"ipBlock": {"cidr": address}} for address in dns.addresses]
    ways = [(pods, dns.ports), (others, (_DNS,))]
    return [{"to": peers, "ports": _both(ports)} for peers, ports in ways if peers]


def _both(ports: Iterable[int]) -> list[Rule]:
    return [{"protocol": protocol, "port": port} for port in ports for protocol in ("UDP", "TCP")]


def _everywhere(settings: Mapping[str, Any], cluster: Cluster) -> set[int]:
    return ports_of(settings.get("store"), settings.get("tracking"), cluster.env) | set(cluster.egress)


def _told(settings: Mapping[str, Any]) -> set[int]:
    """A message's address is mostly a secret whole: HTTPS is what most of them are."""
    return {443} if settings.get("notifications") else set()
