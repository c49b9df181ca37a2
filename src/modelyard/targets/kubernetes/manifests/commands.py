"""A program of the user's that goes on: a Deployment of one, and a Service where it listens."""

from typing import Any

from modelyard.graph.model import Graph, Node
from modelyard.secrets import references
from modelyard.targets.kubernetes.manifests.networks import add_service_network, from_clients
from modelyard.targets.kubernetes.manifests.pods import asked, listening, service_pod
from modelyard.targets.kubernetes.manifests.sheet import Sheet, head_of
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.task import TaskDocument


def add_command(sheet: Sheet, node: Node, document: TaskDocument, graph: Graph, cluster: Cluster, image: str) -> None:
    scope, name, port = sheet.scope, sheet.scope.name(node.address), node.config.get("port")
    head = head_of(scope, node, document.fingerprint)
    pod = service_pod(
        sheet,
        node,
        document,
        cluster,
        image=image,
        head=head,
        container="command",
        account="tasks",
        secrets=references([node.config, document.store]),
        env=[{"name": "PORT", "value": str(port)}] if port else [],
        ports=listening(port) if port else [],
        probes=_probes(node.config.get("probe")) if port else {},
    )
    selector = scope.match(node.address)
    sheet.add("Deployment", name, head, replicas=1, recreate=True, progress_deadline=600, selector=selector, pod=pod)
    if port:
        sheet.add("Service", name, head, selector=selector, port=port, headless=False)
    add_service_network(sheet, node, graph, cluster, [from_clients(cluster, port)] if port else [])


def _probes(path: str | None) -> dict[str, dict[str, Any]]:
    return {
        "startupProbe": {**asked(path), "periodSeconds": 3, "failureThreshold": 100},
        "readinessProbe": {**asked(path), "periodSeconds": 10, "failureThreshold": 3},
    }
