"""The state and the store of a graph, wherever they are."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.secrets import resolve
from modelyard.state import State

if TYPE_CHECKING:
    from modelyard.store import Store

IN_CLUSTER = "kubernetes://"
BESIDE_THE_PROJECT = "sqlite:///.modelyard/state.db"
"""Where nothing else is said: the spec's default."""


def open_state(graph: Graph, root: Path, *, read_only: bool = False, offline: bool = False) -> State:
    """As the graph says; without a word of it beside the project, or in the cluster that the graph is for.

    Read-only makes nothing. `offline`: no cluster is asked, and a state that is there reads as empty.
    Raises ModelyardError.
    """
    uri = resolve((graph.settings.get("state") or {}).get("uri") or BESIDE_THE_PROJECT, graph.settings)
    if uri == BESIDE_THE_PROJECT and "kubernetes" in graph.target:
        uri = IN_CLUSTER
    if uri != IN_CLUSTER:
        return State.open(uri, root, read_only=read_only, project=graph.project)
    if "kubernetes" not in graph.target:
        fix = "choose an environment whose target is kubernetes, or another `state.uri`"
        raise ModelyardError("a state in the cluster's own objects needs a cluster", fix=fix, code="state-uri")
    if offline:
        return State.empty()
    from modelyard.state.kubernetes import KubernetesState
    from modelyard.targets.kubernetes.state_objects import state_place

    return KubernetesState.open_at(state_place(graph), read_only=read_only, project=graph.project)


def open_store(graph: Graph, root: Path) -> "Store":
    """The store as it is seen from this machine: one on a volume of the cluster is not."""
    settings = graph.settings.get("store") or {}
    if "kubernetes" in graph.target and not settings.get("remote"):
        from modelyard.apply.unseen import UnseenStore

        return cast("Store", UnseenStore())
    from modelyard.store import Store

    return Store.open(settings, root, graph.settings)
