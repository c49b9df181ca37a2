"""A run by a schedule sees the data as it is now."""

import pytest

from modelyard.apply.refreshing import refreshed
from modelyard.errors import ModelyardError
from modelyard.graph.data import data_digest
from modelyard.graph.filecache import FileCache
from modelyard.graph.model import Graph, Node


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "table.csv").write_text("a\n1\n")
    external = data_digest("table.csv", tmp_path, FileCache(), kind="table")
    nodes = {
        "sources.t": Node("sources.t", "ingest", config={"type": "table"}, external=external),
        "steps.a": Node("steps.a", "command"),
    }
    return Graph("p", nodes)


def test_what_did_not_change_stays_as_it_was(graph, tmp_path):
    said = []
    assert refreshed(graph, {}, tmp_path, said.append).nodes == graph.nodes
    assert said == []


def test_changed_data_is_another_digest_and_is_told(graph, tmp_path):
    (tmp_path / "table.csv").write_text("a\n1\n2\n")
    said = []
    now = refreshed(graph, {}, tmp_path, said.append)
    assert now.nodes["sources.t"].external == data_digest("table.csv", tmp_path, FileCache(), kind="table")
    assert now.nodes["sources.t"].external != graph.nodes["sources.t"].external
    assert now.nodes["steps.a"] is graph.nodes["steps.a"]
    assert said == ["sources.t: table.csv has changed"]


def test_data_that_is_gone_is_an_error(graph, tmp_path):
    (tmp_path / "table.csv").unlink()
    with pytest.raises(ModelyardError) as error:
        refreshed(graph, {}, tmp_path, lambda text: None)
    assert error.value.code == "missing-data"
