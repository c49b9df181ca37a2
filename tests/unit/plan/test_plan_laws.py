"""Laws over random graphs: a plan after its apply is empty; an edit changes its downstream closure and nothing else."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from plan_builders import apply, graph, node

from modelyard.graph.model import Graph, Ref
from modelyard.graph.select import downstream_of
from modelyard.plan import Action, make_plan
from modelyard.plan.against import compare_graphs


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    nodes = []
    for index in range(draw(st.integers(1, 9))):
        tasks = [one.address for one in nodes if one.role == "task"]
        kind = draw(st.sampled_from(["command", "train", "expect", "register", "serve"]))
        reads = draw(st.lists(st.sampled_from(tasks), unique=True, max_size=3)) if tasks else []
        inputs = {f"p{port}": Ref(before, "out", kind == "serve" and draw(st.booleans()))
                  for port, before in enumerate(reads)}  # fmt: skip
        after = tuple(draw(st.lists(st.sampled_from(tasks), unique=True, max_size=2))) if tasks else ()
        config = {"n": draw(st.integers(0, 3)), "address": index}
        nodes.append(node(f"steps.n{index}", kind, inputs, config=config, after=after))
    return graph(*nodes)


def reached(one: Graph, address: str) -> set[str]:
    """What reads from it, directly or not; waiting for a gate is not reading."""
    without_gates = replace(one, nodes={name: replace(each, after=()) for name, each in one.nodes.items()})
    return downstream_of(without_gates, [address])


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_a_plan_after_its_apply_is_empty(one: Graph):
    assert make_plan(one, apply(one)).empty


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_an_edit_plans_exactly_its_downstream_closure(one: Graph, data: st.DataObject):
    address = data.draw(st.sampled_from(sorted(one.nodes)))
    changed = replace(one.nodes[address], config={**one.nodes[address].config, "edited": True})
    new = replace(one, nodes={**one.nodes, address: changed})
    for plan in (make_plan(new, apply(one)), compare_graphs(one, new)):
        assert {change.address for change in plan.pending} == reached(one, address)
        assert [change.address for change in plan.pending if change.certain] == [address]


@settings(max_examples=40, deadline=None)
@given(graphs(), st.data())
def test_half_an_apply_leaves_exactly_the_other_half(one: Graph, data: st.DataObject):
    done = list(one.nodes)[: data.draw(st.integers(0, len(one.nodes)))]
    plan = make_plan(one, apply(one, done))
    assert [change.address for change in plan.pending] == [address for address in one.nodes if address not in done]
    assert all(change.action is Action.CREATE for change in plan.pending)


@settings(max_examples=40, deadline=None)
@given(graphs(), graphs())
def test_every_pending_change_says_why(old: Graph, new: Graph):
    for change in make_plan(new, apply(old)).pending:
        assert change.reasons
        assert all(reason.text for reason in change.reasons)
