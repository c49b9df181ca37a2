"""An endpoint: Deployment, Service, budget, autoscaler, NetworkPolicy, and the way to it from outside."""

from typing import Any

from modelyard.graph.model import Graph, Node
from modelyard.secrets import references
from modelyard.targets.kubernetes.manifests.networks import add_service_network, from_clients
from modelyard.targets.kubernetes.manifests.pods import asked, field_variable, listening, service_pod
from modelyard.targets.kubernetes.manifests.sheet import Head, Sheet, head_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators.knative import ROUTED, rolls_out
from modelyard.targets.kubernetes.quantities import cores
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.workers import apart
from modelyard.targets.ports import PORTS
from modelyard.targets.probing import PROBES
from modelyard.task import TaskDocument

PORT = PORTS["serve"]
_DRAIN = 5
_PATIENCE = 3600
_LIVE = "/v2/health/live"
_SCRAPED = {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT), "prometheus.io/path": "/metrics"}


def add_endpoint(sheet: Sheet, node: Node, document: TaskDocument, graph: Graph, cluster: Cluster, image: str) -> None:
    """Without a promoted model its pods are up and not ready: the first run of the pipeline makes them so."""
    scope, name = sheet.scope, sheet.scope.name(node.address)
    replicas = node.config.get("replicas") or {}
    least, most = max(int(replicas.get("min", 1)), 1), int(replicas.get("max", 1))
    head = head_of(scope, node, document.fingerprint)
    pod = service_pod(
        sheet,
        node,
        document,
        cluster,
        image=image,
        head=head.annotated(_SCRAPED),
        container="server",
        account="services",
        secrets=references([node.config, document.store]),
        env=[field_variable("MODELYARD_REPLICA", "metadata.name")],
        ports=listening(PORT),
        probes=_probes(),
        drain=_DRAIN,
        affinity=apart(scope.match(node.address)),
        spread=_spread(scope, node),
    )
    sheet.add(
        "Deployment",
        name,
        head,
        replicas=None if most > least else least,
        recreate=False,
        progress_deadline=_PATIENCE,
        selector=scope.match(node.address),
        pod=pod,
    )
    sheet.add("Service", name, head, selector=scope.match(node.address), port=port_of(node), headless=False)
    if most > 1:
        sheet.add("PodDisruptionBudget", name, head, selector=scope.match(node.address))
    if most > least:
        wanted = replicas.get("requests_per_second")
        sheet.add(
            "HorizontalPodAutoscaler",
            name,
            head,
            min=least,
            max=most,
            requests_per_second=cores(wanted) if wanted else None,
        )
    routed = [ROUTED] if rolls_out(node) else []
    add_service_network(sheet, node, graph, cluster, [from_clients(cluster, PORT), *routed])
    _add_way(sheet, node, cluster, head)


def port_of(node: Node) -> int:
    """Of the Service; a free port, which 0 asks for, has no meaning there."""
    return int(node.config.get("port") or PORT)


def host_of(node: Node, cluster: Cluster) -> str | None:
    """`api.models.example.com`, where endpoints are shown to the outside."""
    expose = cluster.expose
    if expose.domain is None or not (expose.ingress or expose.gateway):
        return None
    return f"{node.address.partition('.')[2].replace('_', '-').strip('-')}.{expose.domain}"


def _probes() -> dict[str, dict[str, Any]]:
    """Started is who listens: whether a model is there is readiness, and no reason to be killed."""
    live, ready = asked(_LIVE), asked(PROBES["serve"])
    return {
        "startupProbe": {**live, "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {**ready, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**live, "periodSeconds": 10, "failureThreshold": 3},
    }


def _spread(scope: Scope, node: Node) -> list[dict[str, Any]]:
    return [
        {
            "topologyKey": key,
            "maxSkew": 1,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": scope.match(node.address)},
            "matchLabelKeys": ["pod-template-hash"],
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def _add_way(sheet: Sheet, node: Node, cluster: Cluster, head: Head) -> None:
    host, expose, name = host_of(node, cluster), cluster.expose, sheet.scope.name(node.address)
    if host and expose.ingress:
        ingress = expose.ingress
        known = head.annotated(ingress.annotations)
        sheet.add("Ingress", name, known, ingress_class=ingress.ingress_class, tls=ingress.tls, host=host)
    elif host and expose.gateway:
        sheet.add("HTTPRoute", name, head, gateway=expose.gateway, host=host, port=port_of(node))
