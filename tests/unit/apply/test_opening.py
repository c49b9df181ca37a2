"""Where the state and the store of a graph are, and what is seen of them from outside of a cluster."""

import pytest

from modelyard.apply.opening import open_state, open_store
from modelyard.apply.stages import moved_stages
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node
from modelyard.state import AppliedRecord
from modelyard.store import Store
from modelyard.task import Artifact

CLUSTER = {"kubernetes": {"namespace": "work"}}


def graph(uri: str | None = None, target: dict | None = None, remote: str | None = None) -> Graph:
    settings = {"state": {"uri": uri}, "store": {"path": ".modelyard/store", "remote": remote}}
    return Graph("flights", {}, "prod", target or {"local": {}}, settings)


def test_without_a_word_it_is_beside_the_project(tmp_path):
    open_state(graph(), tmp_path).close()
    assert (tmp_path / ".modelyard/state.db").exists()


@pytest.mark.parametrize("uri", [None, "sqlite:///.modelyard/state.db", "kubernetes://"])
def test_for_a_cluster_it_is_in_the_cluster(tmp_path, uri, monkeypatch):
    """No cluster is there to answer, which is what it says."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ModelyardError) as error:
        open_state(graph(uri, CLUSTER), tmp_path)
    assert error.value.code == "no-cluster"
    assert not (tmp_path / ".modelyard").exists()


def test_offline_no_cluster_is_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with open_state(graph(None, CLUSTER), tmp_path, read_only=True, offline=True) as state:
        assert (state.applied("prod"), state.serial("prod")) == ({}, 0)


def test_a_state_in_a_cluster_wants_a_cluster(tmp_path):
    with pytest.raises(ModelyardError, match="needs a cluster") as error:
        open_state(graph("kubernetes://"), tmp_path)
    assert error.value.code == "state-uri"


def test_a_store_on_a_volume_of_the_cluster_is_believed_and_not_read(tmp_path):
    store = open_store(graph(None, CLUSTER), tmp_path)
    assert store.has("b3:1")
    assert store.get_result("b3:1") is None
    with pytest.raises(ModelyardError, match="volume of the cluster") as error:
        store.materialize("b3:1", tmp_path)
    assert error.value.code == "store-unseen"


def test_stages_are_not_thought_to_have_moved_where_nobody_sees_them(tmp_path):
    node = Node("registry.late", "register", config={"name": "late", "promote": {"production": "auto"}})
    record = AppliedRecord(
        node.address, "register", "task", "b3:1", {}, {"model": "b3:2"}, {"out": Artifact("b3:3")}, {"version": 1.0}
    )  # fmt: skip
    with_node = Graph("flights", {node.address: node}, "prod", CLUSTER, {})
    store = open_store(with_node, tmp_path)
    assert moved_stages(with_node, {node.address: record}, store, tmp_path) == {}


def test_a_shared_store_is_seen_from_everywhere(tmp_path):
    assert isinstance(open_store(graph(None, CLUSTER, f"file://{tmp_path}/remote"), tmp_path), Store)
