"""Views of awkward graphs, and the drawing's geometry."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from graph_builders import graph_of, step, upstreams_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.graph import Graph
from modelyard.graph.views import FORMS, render
from modelyard.graph.views.layout import lay_out


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_graph_has_a_view(form: str) -> None:
    assert render(graph_of(), form)


@pytest.mark.parametrize("form", FORMS)
def test_signs_that_mean_something_in_a_format_do_no_harm(form: str) -> None:
    graph = graph_of(step("steps.a", run=["sh", "-c", 'echo "<b>&amp;</b>" `x` | cat\n\\'], weird="]]>"))
    shown = render(graph, form)
    if form == "svg":
        assert "<b>" not in shown
        ElementTree.fromstring(shown)
    if form == "dot":
        assert shown.count('"') % 2 == shown.count('\\"') % 2
    if form == "mermaid":
        assert "<b>" not in shown.replace("<br/>", "")


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(ValueError, match="text, mermaid, dot, svg"):
        render(graph_of(), "png")


def test_the_tree_shows_each_node_once_and_what_else_it_needs() -> None:
    graph = graph_of(
        step("steps.a"), step("steps.b"), step("steps.c", "steps.a", "steps.b"), step("steps.d", "steps.c")
    )
    lines = render(graph, "text").splitlines()
    assert lines[0] == "p · 4 tasks, 0 services"
    assert lines[2:] == [
        "steps.a        command true",
        "steps.b        command true",
        "└─ steps.c     command true  + steps.a",
        "   └─ steps.d  command true",
    ]


def test_a_deep_graph_has_a_tree() -> None:
    chain: Graph = graph_of(step("steps.n0"), *(step(f"steps.n{at}", f"steps.n{at - 1}") for at in range(1, 3000)))
    assert len(render(chain, "text").splitlines()) == 3002


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(upstreams_of(12), st.floats(10, 50))
def test_no_two_boxes_of_a_column_touch_and_edges_lead_right(upstream: dict[str, set[str]], height: float) -> None:
    edges = [(before, after) for after, needs in upstream.items() for before in needs]
    layout = lay_out(list(upstream), edges, height, 10)
    for before, after in edges:
        assert layout.depth[before] < layout.depth[after]
        assert len(layout.routes[before, after]) == layout.depth[after] - layout.depth[before] + 1
    for layer in layout.layers:
        boxes = [layout.y[slot] for slot in layer if isinstance(slot, str)]
        assert all(below - above >= height + 10 - 1e-6 for above, below in pairwise(boxes))
    assert all(y >= 0 for y in layout.y.values())
