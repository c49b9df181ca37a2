"""A graph as objects of a cluster: decided here, laid out by the templates of `targets/kubernetes`.

`objects_of` is what `apply` applies and a GitOps controller reads; `task_objects`, `run_objects` and `service_objects`
are made while a pipeline runs.
"""

from collections.abc import Mapping, Sequence

from modelyard.graph.model import Graph, Node
from modelyard.targets.images import image_role
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.manifests.pieces import Piece, in_order, lay_out, pieces_with
from modelyard.targets.kubernetes.manifests.runner import add_run, packed
from modelyard.targets.kubernetes.manifests.services import add_service, deployed_with_graph
from modelyard.targets.kubernetes.manifests.shared import add_shared
from modelyard.targets.kubernetes.manifests.sheet import Sheet
from modelyard.targets.kubernetes.manifests.tasks import add_task
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import katib, serving_objects, takes_training, training_objects
from modelyard.targets.kubernetes.operators.knative import made_by_run, rolls_out
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.workers import worker_objects
from modelyard.task import TaskDocument

__all__ = [
    "deployed_with_graph", "objects_of", "packed", "pieces_of", "rolled_pieces", "run_objects", "service_objects",
    "study_objects", "task_objects",
]  # fmt: skip


def objects_of(graph: Graph, scope: Scope, cluster: Cluster, images: Mapping[str, str]) -> list[Object]:
    """Everything that stands before a task runs, in the order in which it is applied.

    A service that begins with what a task has made is not here: `service_objects` makes it once that is known.
    `images` are names by role (`tasks`, `serving`, `tracking`). Raises ModelyardError.
    """
    return [piece.object for piece in pieces_of(graph, scope, cluster, images)]


def pieces_of(graph: Graph, scope: Scope, cluster: Cluster, images: Mapping[str, str]) -> list[Piece]:
    """The same, each with its text and the name of its file."""
    sheet = Sheet(scope)
    add_shared(sheet, graph, cluster, images)
    pieces = lay_out(sheet)
    for node in graph.nodes.values():
        if node.role == "task":
            pieces += pieces_with(worker_objects(node, scope, named=not takes_training(node, cluster)), ())
        elif deployed_with_graph(node):
            pieces += _service(node, None, graph, scope, cluster, images[image_role(node)])
        elif rolls_out(node):
            pieces += [one for one in rolled_pieces(node, graph, scope, cluster, images) if not made_by_run(one.object)]
    return in_order(pieces)


def rolled_pieces(node: Node, graph: Graph, scope: Scope, cluster: Cluster, images: Mapping[str, str]) -> list[Piece]:
    """Of an endpoint that rolls out, all: the run makes some of them."""
    return _service(node, None, graph, scope, cluster, images[image_role(node)])


def service_objects(
    node: Node, document: TaskDocument, graph: Graph, scope: Scope, cluster: Cluster, image: str
) -> list[Object]:
    """One service as its document has it, whatever that begins with."""
    return [piece.object for piece in in_order(_service(node, document, graph, scope, cluster, image))]


def task_objects(task: TaskDocument, node: Node, scope: Scope, cluster: Cluster, image: str) -> tuple[Object, ...]:
    """One attempt at a task: its ConfigMap, then the objects that do it; the last of them is the one to wait for."""
    sheet = Sheet(scope)
    add_task(sheet, task, node, cluster, image)
    configmap, job = (piece.object for piece in lay_out(sheet))
    return (configmap, *training_objects(job, node, scope, cluster))


def study_objects(task: TaskDocument, node: Node, scope: Scope, cluster: Cluster, image: str) -> list[Object]:
    """A study that Katib leads: what its trials are told, and its Experiment. `task_objects` has what gathers them."""
    sheet = Sheet(scope)
    add_task(sheet, task, node, cluster, image, name=scope.study_name(node.address, task.fingerprint))
    configmap, job = (piece.object for piece in lay_out(sheet))
    return katib.experiment(configmap, job, node, scope)


def run_objects(
    graph_gz: bytes, scope: Scope, cluster: Cluster, image: str, run_id: str, arguments: Sequence[str] = ()
) -> list[Object]:
    """A run of the pipeline, now: its graph (see `packed`) in a ConfigMap, and the Job that carries it out.

    `arguments` go to `modelyard.apply.in_cluster` after the graph's path.
    """
    sheet = Sheet(scope)
    add_run(sheet, graph_gz, cluster, image, run_id, arguments)
    return [piece.object for piece in lay_out(sheet)]


def _service(
    node: Node, document: TaskDocument | None, graph: Graph, scope: Scope, cluster: Cluster, image: str
) -> list[Piece]:
    sheet = Sheet(scope)
    add_service(sheet, node, document, graph, cluster, image)
    pieces = lay_out(sheet)
    if node.kind != "serve":
        return pieces
    remote = str((graph.settings.get("store") or {}).get("remote") or "")
    return pieces_with(serving_objects([piece.object for piece in pieces], node, cluster, remote), pieces)
