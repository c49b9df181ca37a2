"""`modelyard render` for the Kubernetes target. Pure: the same graph and the same settings give the same bytes."""

from collections.abc import Mapping

from modelyard.about import own_version
from modelyard.graph.fingerprint import node_identity
from modelyard.graph.model import Graph, Node
from modelyard.targets.base import Files
from modelyard.targets.images import image_role
from modelyard.targets.kubernetes.kinds import Object, name_of
from modelyard.targets.kubernetes.manifests import pieces_of, rolled_pieces, service_objects, study_objects
from modelyard.targets.kubernetes.manifests.documents import plain_document
from modelyard.targets.kubernetes.manifests.pieces import Piece, lay_out, pieces_with, read, texts_of
from modelyard.targets.kubernetes.manifests.secrets import OWN
from modelyard.targets.kubernetes.manifests.services import SERVICES, add_service, deployed_with_graph
from modelyard.targets.kubernetes.manifests.serving import host_of, port_of
from modelyard.targets.kubernetes.manifests.shared import secrets_of
from modelyard.targets.kubernetes.manifests.sheet import Sheet
from modelyard.targets.kubernetes.manifests.tasks import add_task
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import takes_study, takes_training, training_objects
from modelyard.targets.kubernetes.operators.knative import live_name, made_by_run, rolls_out
from modelyard.targets.kubernetes.operators.seldon2 import loads_models
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.workers import processes_of
from modelyard.targets.templates import render_folder

JOBS = "jobs/"


def render_files(graph: Graph, scope: Scope, cluster: Cluster, images: Mapping[str, str]) -> Files:
    """One file an object and `kustomization.yaml`; under `jobs/` what the pipeline makes when it runs.

    What a task is given there is known only then: its document has no inputs yet, and its fingerprint is of the node
    by itself. Raises ModelyardError.
    """
    pieces = pieces_of(graph, scope, cluster, images)
    values = {
        **Sheet(scope).items,
        "version": own_version(),
        "scope": scope,
        "files": [piece.path for piece in pieces],
        "secrets": secrets_of(graph, scope, cluster),
        "own_secret": scope.shared(OWN),
        "provider": cluster.secrets.provider,
        "endpoints": _endpoints(graph, scope, cluster),
    }
    files = render_folder("kubernetes", values)
    later = {**_jobs(graph, scope, cluster, images), **_monitors(graph, scope, cluster, images)}
    return dict(sorted({**files, **later, **{piece.path: piece.text for piece in pieces}}.items()))


def _endpoints(graph: Graph, scope: Scope, cluster: Cluster) -> list[dict[str, object]]:
    return [
        {
            "address": node.address,
            "name": live_name(scope.name(node.address)) if rolls_out(node) else scope.name(node.address),
            "port": 80 if rolls_out(node) else port_of(node),
            "host": host_of(node, cluster),
        }
        for node in graph.nodes.values()
        if node.kind == "serve" and not loads_models(cluster)
    ]


def _jobs(graph: Graph, scope: Scope, cluster: Cluster, images: Mapping[str, str]) -> dict[str, bytes]:
    nodes = {scope.name(node.address): node for node in graph.nodes.values() if node.role == "task"}
    plain, special, studies = Sheet(scope), Sheet(scope), list[Object]()
    for name, node in nodes.items():
        sheet = special if _is_special(node, cluster) else plain
        document = plain_document(node, node_identity(node), graph)
        add_task(sheet, document, node, cluster, images[image_role(node)], name=name, folder=JOBS)
        if takes_study(node, cluster):
            studies += study_objects(document, node, scope, cluster, images[image_role(node)])
    files = dict(texts_of(plain))
    for path in [*files][:: max(len(files) - 1, 1)]:  # a ConfigMap and a Job: all others are of the same two templates
        read(path, files[path])
    for piece in lay_out(special):
        made = [piece.object]
        if piece.object["kind"] == "Job":
            made = training_objects(piece.object, nodes[name_of(piece.object)], scope, cluster)
        files |= {f"{JOBS}{one.path.removeprefix(JOBS)}": one.text for one in pieces_with(made, [piece])}
    return files | {f"{JOBS}{one.path}": one.text for one in pieces_with(studies, ())}


def _monitors(graph: Graph, scope: Scope, cluster: Cluster, images: Mapping[str, str]) -> dict[str, bytes]:
    """And other services that begin with what tasks have made."""
    sheet = Sheet(scope)
    rolled = list[Piece]()
    for node in graph.nodes.values():
        if rolls_out(node):
            rolled += [one for one in rolled_pieces(node, graph, scope, cluster, images) if made_by_run(one.object)]
        elif node.role == "service" and node.kind in SERVICES and not deployed_with_graph(node):
            document, image = plain_document(node, node_identity(node), graph), images[image_role(node)]
            if node.kind == "serve":  # by Seldon 2
                rolled += pieces_with(service_objects(node, document, graph, scope, cluster, image), ())
            else:
                add_service(sheet, node, document, graph, cluster, image)
    return {f"{JOBS}{piece.path}": piece.text for piece in [*lay_out(sheet), *rolled]}


def _is_special(node: Node, cluster: Cluster) -> bool:
    """Whether more than a plain Job does it."""
    return takes_training(node, cluster) or node.resources.nodes * processes_of(node) > 1
