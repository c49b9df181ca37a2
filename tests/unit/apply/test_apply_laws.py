"""Laws of apply over random graphs, failures and orders, with the real state and store."""

import tempfile
from dataclasses import replace
from pathlib import Path

from apply_fakes import Yard, fails, graph, node
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.graph.model import Graph, Ref, Resources

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    nodes = []
    for index in range(draw(st.integers(1, 7))):
        tasks = [one.address for one in nodes if one.role == "task"]
        kind = draw(st.sampled_from(["command", "train", "register", "serve"]))
        reads = draw(st.lists(st.sampled_from(tasks), unique=True, max_size=3)) if tasks else []
        inputs = {f"p{port}": Ref(before, "out", kind == "serve") for port, before in enumerate(reads)}
        config = {"n": draw(st.integers(0, 2)), "port": 8000 + index}
        if draw(st.booleans()):
            config["makes"] = draw(st.sampled_from(["a", "b"]))
        resources = Resources(cpu=draw(st.sampled_from([0.5, 1.0, 4.0, 9.0])))
        nodes.append(node(f"steps.n{index}", kind, inputs, config=config, resources=resources))
    return graph(*nodes)


@FEW
@given(graphs())
def test_a_plan_after_apply_is_empty(one: Graph):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yard = Yard.at(Path(folder))
        assert yard.apply(one).ok
        assert yard.plan(one).empty
        yard.state.close()


@FEW
@given(graphs(), graphs())
def test_any_graph_follows_any_other(one: Graph, other: Graph):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yard = Yard.at(Path(folder))
        assert yard.apply(one).ok
        planned = {change.address for change in yard.plan(other).pending if change.role == "task"}
        assert yard.apply(other).ok
        assert set(yard.ran) <= planned
        assert yard.plan(other).empty
        assert set(yard.state.applied("dev")) == set(other.nodes)
        assert set(yard.target.services) == {name for name, each in other.nodes.items() if each.role == "service"}
        yard.state.close()


@FEW
@given(graphs(), st.data())
def test_a_failure_ends_with_the_rest_done_and_is_mended_by_the_next(one: Graph, data: st.DataObject):
    tasks = sorted(name for name, each in one.nodes.items() if each.role == "task")
    broken = data.draw(st.sampled_from(tasks)) if tasks else None
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yard = Yard.at(Path(folder))
        if broken:
            yard.executor.behaviours[broken] = fails()
        report = yard.apply(one, keep_going=True)
        assert {node.outcome for node in report.nodes} <= {"done", "restored", "failed", "blocked"}
        first = yard.ran
        yard.executor.behaviours.clear()
        assert yard.apply(one).ok
        assert not (set(first) - {broken}) & set(yard.ran)
        assert yard.plan(one).empty
        yard.state.close()


@FEW
@given(graphs())
def test_one_at_a_time_ends_the_same_as_all_at_once(one: Graph):
    ends = []
    for slots in (1, None):
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            yard = Yard.at(Path(folder))
            yard.apply(one, parallelism=slots)
            ends.append({name: dict(record.outputs) for name, record in yard.state.applied("dev").items()})
            yard.state.close()
    assert ends[0] == ends[1]


@FEW
@given(graphs())
def test_order_in_which_nodes_are_named_changes_nothing(one: Graph):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yard = Yard.at(Path(folder))
        yard.apply(one)
        swapped = replace(one, nodes={
            name: replace(each, config=dict(reversed(each.config.items())), inputs=dict(reversed(each.inputs.items())))
            for name, each in one.nodes.items()
        })  # fmt: skip
        assert yard.plan(swapped).empty
        yard.state.close()
