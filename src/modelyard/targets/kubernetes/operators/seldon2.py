"""Seldon Core 2: an endpoint as a Model, which an installed Triton of Seldon's loads from a bucket.

Not our server: Seldon's agent, in the pod of each of its servers, loads and unloads by the protocol's gRPC, copies the
model by rclone, and writes its folder for MLServer or Triton alone. What is loaded is our ONNX file by the runtime that
our server has too, so what is asked in tensors is answered as on every other target.
https://github.com/SeldonIO/seldon-core/tree/v2/scheduler/pkg/agent
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelyard.graph.model import Graph, Node
from modelyard.targets.base import OnEvent
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.fields import holder_of, holds
from modelyard.targets.kubernetes.kinds import DEPLOYMENT, Kind, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators.layout import lay_out
from modelyard.targets.kubernetes.operators.triton_folder import FOLDER, export_version
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.task import TaskDocument

MODEL = Kind("mlops.seldon.io/v1alpha1", "Model")
_RUNTIMES = ("onnx",)
_MIB = 1 << 20
_ROOM = 2
"""A graph as it is loaded, weights packed anew beside those that were read."""
LOGS = "Seldon's servers have it: `kubectl logs -c triton NAME`, with the pods of `kubectl get servers` there"
_SEEN_WITHIN = 30.0
_TICK = 0.5

RULES = (
    {
        "apiGroups": ["mlops.seldon.io"],
        "resources": ["models"],
        # Of a Model that is to go the graph knows no name any more.
        "verbs": ["create", "delete", "get", "list", "watch"],
    },
)


def rules(graph: Graph, scope: Scope, cluster: Cluster) -> list[Mapping[str, Any]]:
    """What the run changes beside: the graph's own Models, and no others."""
    names = sorted(scope.name(node.address) for node in graph.nodes.values() if node.kind == "serve")
    if not names or not loads_models(cluster):
        return []
    return [{"apiGroups": [MODEL.group], "resources": ["models"], "verbs": ["patch"], "names": names}]


def loads_models(cluster: Cluster) -> bool:
    return cluster.operators.get("serving") == "seldon-v2"


def told_of_version(node: Node, document: TaskDocument) -> Node:
    """The node with where its version lies, once that is exported. Raises ModelyardError."""
    found = export_version(document)
    return replace(node, config={**node.config, "exported": {"uri": found.uri, "size": found.size}})


def model(objects: Sequence[Object], node: Node, cluster: Cluster, remote: str) -> list[Object]:
    """A Model in place of all that an endpoint has elsewhere: servers, their Service and their policies are Seldon's.

    Before a run has exported a version, `storageUri` is the folder that versions are exported to.
    """
    metadata = next(one["metadata"] for one in objects if kind_of(one) == DEPLOYMENT)
    exported = node.config.get("exported") or {"uri": f"{remote.rstrip('/')}/{FOLDER}/{node.config['model']}"}
    replicas = node.config.get("replicas") or {}
    least, most = max(int(replicas.get("min", 1)), 1), int(replicas.get("max", 1))
    spec: dict[str, Any] = {"storageUri": exported["uri"], "requirements": list(_RUNTIMES)}
    if cluster.seldon.secret:
        spec["secretName"] = cluster.seldon.secret
    if cluster.seldon.server:
        spec["server"] = cluster.seldon.server
    if "size" in exported:
        spec["memory"] = f"{-(-exported['size'] * _ROOM // _MIB)}Mi"
    # Seldon scales a model between the two by itself, and then the number is its own.
    spec |= {"minReplicas": least, "maxReplicas": most} if most > least else {"replicas": least}
    return [lay_out("model", name=metadata["name"], metadata=metadata, spec=spec)]


def changed_by(obj: Object) -> str | None:
    """Who loads another version than we have applied, where somebody does."""
    path = ("f:spec", "f:storageUri")
    if holds(obj, path):
        return None
    holder = holder_of(obj, path)
    return f".spec.storageUri was changed by {holder.manager if holder else 'somebody'}"


def wait_until_seen(api: Api, before: Object | None, wanted: Object, on_event: OnEvent) -> None:
    """Until Seldon's word on a Model is about what it is now: it tells no generation, and the last word stays.

    Where nothing is heard in a while the word is taken as it is: a version that is loaded within the second leaves no
    trace in it.
    """
    name = name_of(wanted)
    applied = api.get(MODEL, name)
    if before is None or applied is None or before.get("spec") == applied.get("spec"):
        return
    ends = time.monotonic() + _SEEN_WITHIN
    while time.monotonic() < ends:
        found = api.get(MODEL, name)
        if found is None or _word(found) != _word(applied):
            return
        on_event({"event": "progress", "done": 0, "total": 1, "text": f"Model {name}: Seldon has not seen it yet"})
        time.sleep(_TICK)


def _word(obj: Object) -> Mapping[str, Any]:
    known = (obj.get("status") or {}).get("conditions") or ()
    return next((dict(one) for one in known if one.get("type") == "ModelReady"), {})
