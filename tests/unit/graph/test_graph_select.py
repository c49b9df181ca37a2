"""Choosing nodes by address."""

import pytest
from graph_builders import graph_of, step

from modelyard.errors import ModelyardError
from modelyard.graph import Graph
from modelyard.graph.select import select


@pytest.fixture
def graph() -> Graph:
    return graph_of(
        step("steps.y[a]"), step("steps.y[b]"), step("steps.y", "steps.y[a]", "steps.y[b]"),
        step("sources.s", "steps.y"), step("training.t.features", "sources.s"),
        step("training.t", "training.t.features"),
        step("training.t.evaluate", "training.t"), step("training.tt", "sources.s"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("training.t", ["training.t.features", "training.t", "training.t.evaluate"]),
        ("training.t.evaluate", ["training.t.evaluate"]),
        ("steps.y", ["steps.y[a]", "steps.y[b]", "steps.y"]),
        ("steps.y[a]", ["steps.y[a]"]),
        ("steps.y[?]", ["steps.y[a]", "steps.y[b]"]),
        ("sources", ["sources.s"]),
        ("sources.s:train", ["sources.s"]),
        ("training.*", ["training.t.features", "training.t", "training.t.evaluate", "training.tt"]),
        ("+sources.s", ["steps.y[a]", "steps.y[b]", "steps.y", "sources.s"]),
        ("training.t.features+", ["training.t.features", "training.t", "training.t.evaluate"]),
    ],
)
def test_what_a_pattern_chooses(graph: Graph, pattern: str, chosen: list[str]) -> None:
    assert list(select(graph, [pattern])) == chosen


def test_patterns_add_up_and_excluded_ones_take_away(graph: Graph) -> None:
    assert select(graph, ["sources", "training.tt"], ["sources.*"]) == ("training.tt",)


@pytest.mark.parametrize(
    ("pattern", "near"), [("training.q", "training.t"), ("traning", "training"), ("sources.x", "sources.s")]
)
def test_an_unknown_address_is_told_with_what_is_near(graph: Graph, pattern: str, near: str) -> None:
    with pytest.raises(ModelyardError) as caught:
        select(graph, [pattern])
    assert caught.value.code == "unknown-address"
    assert near in str(caught.value.fix)
