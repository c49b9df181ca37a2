"""Services by their kind: what each becomes in a cluster."""

from collections.abc import Callable, Mapping

from modelyard.graph.fingerprint import service_fingerprint
from modelyard.graph.model import Graph, Node
from modelyard.targets.kubernetes.manifests.commands import add_command
from modelyard.targets.kubernetes.manifests.documents import plain_document
from modelyard.targets.kubernetes.manifests.monitors import add_monitor
from modelyard.targets.kubernetes.manifests.serving import add_endpoint
from modelyard.targets.kubernetes.manifests.sheet import Sheet
from modelyard.targets.kubernetes.manifests.tracking import add_tracking
from modelyard.targets.kubernetes.operators.knative import rolls_out
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.task import TaskDocument

SERVICES: Mapping[str, Callable[[Sheet, Node, TaskDocument, Graph, Cluster, str], None]] = {
    "serve": add_endpoint,
    "tracking": add_tracking,
    "monitor": add_monitor,
    "command": add_command,
}


def deployed_with_graph(node: Node) -> bool:
    """Whether a service needs nothing that a task makes, or finds it by itself."""
    if rolls_out(node):
        return False
    return node.role == "service" and node.kind in SERVICES and all(ref.follow for ref in node.inputs.values())


def add_service(
    sheet: Sheet, node: Node, document: TaskDocument | None, graph: Graph, cluster: Cluster, image: str
) -> None:
    """Without a document it is one that `deployed_with_graph`."""
    told = document or plain_document(node, service_fingerprint(node, {}), graph)
    SERVICES[node.kind](sheet, node, told, graph, cluster, image)
