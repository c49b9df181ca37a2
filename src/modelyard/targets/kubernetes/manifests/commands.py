"""A program of the user's that goes on: a Deployment of one, and a Service where it listens."""

from typing import Any

from modelyard.graph.model import Graph, Node
from modelyard.secrets import references
from modelyard.targets.kubernetes.manifests.documents import DOCUMENT, add_document
from modelyard.targets.kubernetes.manifests.networks import add_service_network, from_clients
from modelyard.targets.kubernetes.manifests.pods import pod_of
from modelyard.targets.kubernetes.manifests.sheet import Sheet, head_of
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.task import TaskDocument


def add_command(sheet: Sheet, node: Node, document: TaskDocument, graph: Graph, cluster: Cluster, image: str) -> None:
    scope, name, port = sheet.scope, sheet.scope.name(node.address), node.config.get("port")
    head = head_of(scope, node, document.fingerprint)
    pod = pod_of(
        scope,
        cluster,
        document.settings,
        container="command",
        image=image,
        account="tasks",
        configmap=add_document(sheet, node, document),
        args=[DOCUMENT],
        resources=node.resources,
        secrets=references([node.config, document.store]),
        env=[{"name": "PORT", "value": str(port)}] if port else [],
        ports=[{"name": "http", "containerPort": port, "protocol": "TCP"}] if port else [],
        probes=_probes(node.config.get("probe")) if port else {},
        head=head,
    )
    selector = scope.match(node.address)
    sheet.add("Deployment", name, head, replicas=1, recreate=True, progress_deadline=600, selector=selector, pod=pod)
    if port:
        sheet.add("Service", name, head, selector=selector, port=port, headless=False)
    add_service_network(sheet, node, graph, cluster, [from_clients(cluster, port)] if port else [])


def _probes(path: str | None) -> dict[str, dict[str, Any]]:
    """Asked over HTTP where the spec names a path, else by whether it listens."""
    how = {"httpGet": {"path": path, "port": "http", "scheme": "HTTP"}} if path else {"tcpSocket": {"port": "http"}}
    asked = {**how, "timeoutSeconds": 5, "successThreshold": 1}
    return {
        "startupProbe": {**asked, "periodSeconds": 3, "failureThreshold": 100},
        "readinessProbe": {**asked, "periodSeconds": 10, "failureThreshold": 3},
    }
