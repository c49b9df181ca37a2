"""What an endpoint that rolled out leaves, once it takes each version at once: it has another InferenceService then."""

from collections.abc import Sequence

from modelyard.graph.model import Graph
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.differing import address_of
from modelyard.targets.kubernetes.inventory import PART_OF
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators.knative import INFERENCE_SERVICE, VERSION, rolls_out
from modelyard.targets.kubernetes.settings import Cluster


def drop_rolled(api: Api, scope: Scope, graph: Graph, cluster: Cluster) -> None:
    """Of endpoints that are still there: those that are not are taken away whole."""
    if cluster.operators.get("serving") != "kserve":
        return
    other = {node.address for node in graph.nodes.values() if node.kind == "serve" and not rolls_out(node)}
    found = api.list(INFERENCE_SERVICE, scope.selector) if other else []
    left = {address_of(obj) for obj in found if _is_rolled(obj)} & other
    told = api.list(CONFIG_MAP, scope.selector) if left else []
    for obj in _theirs([*found, *told], left):
        api.delete(kind_of(obj), name_of(obj), uid=obj["metadata"]["uid"])


def _theirs(objects: Sequence[Object], addresses: set[str | None]) -> list[Object]:
    """Made by a run: no members of the set that is applied."""
    return [
        obj for obj in objects if address_of(obj) in addresses and PART_OF not in (obj["metadata"].get("labels") or {})
    ]


def _is_rolled(obj: Object) -> bool:
    return VERSION in (obj["metadata"].get("annotations") or {})
