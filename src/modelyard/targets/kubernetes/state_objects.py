"""Where an environment's state is in its cluster, and the few calls of the API that it is kept with."""

from modelyard.graph.model import Graph
from modelyard.state.cluster_objects import ClusterPlace
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.kinds import LEASE, SECRET, Object
from modelyard.targets.kubernetes.names import COMPONENT, Scope
from modelyard.targets.kubernetes.settings import Cluster

_KINDS = {kind.name: kind for kind in (LEASE, SECRET)}


class ApiObjects:
    """See `modelyard.state.cluster_objects.Objects`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def get(self, kind: str, name: str) -> Object | None:
        return self._api.get(_KINDS[kind], name)

    def create(self, obj: Object) -> Object | None:
        try:
            return self._api.create(obj)
        except Refusal as error:
            if error.code == "already-exists":
                return None
            raise

    def replace(self, obj: Object) -> Object | None:
        try:
            return self._api.replace(obj)
        except Refusal as error:
            if error.status == 404 or error.code == "modified":
                return None
            raise


def state_place(graph: Graph, api: Api | None = None) -> ClusterPlace:
    """Nothing is asked of the cluster yet."""
    cluster = Cluster.from_settings(graph.target["kubernetes"] or {})
    scope = Scope(graph.project, graph.environment or "default", cluster.namespace)
    labels = {"app.kubernetes.io/name": "state", COMPONENT: "state", **scope.labels}
    api = api or Api.connect(cluster.context, cluster.namespace)
    return ClusterPlace(ApiObjects(api), scope.shared("state"), labels, scope.annotations_of())
