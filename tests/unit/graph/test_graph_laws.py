"""What holds of every graph, shown on generated ones."""

import json
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from graph_builders import graph_of, respects, step, upstreams_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.digests import canonical_json, digest_json
from modelyard.errors import ModelyardError
from modelyard.graph.codec import graph_from_json, graph_to_json, node_from_json, node_to_json
from modelyard.graph.compile import compile_loaded
from modelyard.graph.data import uri_only
from modelyard.graph.fingerprint import fingerprint, identity_parts, node_identity, service_fingerprint
from modelyard.graph.model import CodeFile, Environment, ExternalData, Graph, Node, Ref, Resources, Retries
from modelyard.graph.order import topological
from modelyard.graph.select import downstream_of, select, upstream_of
from modelyard.spec.model import Spec

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
names = st.text("abcdef", min_size=1, max_size=3)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab ü\n", max_size=3)
)
plain = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=5
)
configs = st.dictionaries(names, plain, max_size=4)


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    refs = st.builds(Ref, st.sampled_from(["steps.a", "sources.b"]), names, st.booleans())
    return Node(
        address=f"steps.{draw(names)}",
        kind=draw(st.sampled_from(["command", "train", "serve"])),
        role=draw(st.sampled_from(["task", "service"])),
        config=MappingProxyType(draw(configs)),
        inputs=MappingProxyType(draw(st.dictionaries(names, refs, max_size=3))),
        outputs=tuple(draw(st.lists(names, max_size=2))),
        after=tuple(draw(st.lists(names, max_size=2))),
        code=tuple(draw(st.lists(st.builds(CodeFile, names, names, st.integers(0, 9)), max_size=2))),
        external=draw(st.none() | st.builds(ExternalData, names, names, st.integers(0, 9), st.integers(0, 9))),
        environment=Environment(draw(st.none() | names), tuple(draw(st.lists(st.tuples(names, names), max_size=2)))),
        resources=Resources(cpu=draw(st.floats(0.1, 9)), gpu=draw(st.integers(0, 2))),
        retries=Retries(draw(st.integers(0, 3))),
        timeout=draw(st.none() | st.floats(1, 9)),
        marks=MappingProxyType(draw(st.dictionaries(names, names, max_size=2))),
    )


def shuffled(value: Any, draw: st.DrawFn) -> Any:
    """The same data with every map in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], draw) for key in draw(st.permutations(list(value)))}
    return [shuffled(item, draw) for item in value] if isinstance(value, list) else value


@few
@given(upstreams_of(12))
def test_everything_comes_after_what_it_needs(upstream: dict[str, set[str]]) -> None:
    ordered = topological(upstream)
    assert sorted(ordered) == sorted(upstream)
    assert respects(ordered, upstream)


@few
@given(nodes(), nodes())
def test_a_fingerprint_is_the_digest_of_all_its_parts(one: Node, other: Node) -> None:
    for node in (one, replace(one, config=other.config), replace(one, inputs=other.inputs)):
        inputs = {port: f"b3:{ref.output}" for port, ref in node.inputs.items()}
        fixed = {port: digest for port, digest in inputs.items() if not node.inputs[port].follow}
        assert fingerprint(node, inputs) == digest_json({**identity_parts(node), "inputs": inputs})
        assert service_fingerprint(node, inputs) == digest_json({**identity_parts(node), "inputs": fixed})


@few
@given(plain)
def test_canonical_json_is_what_json_writes_with_sorted_keys(value: Any) -> None:
    assert canonical_json(value).decode() == json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


@few
@given(upstreams_of(12))
def test_an_order_that_is_one_already_is_kept(upstream: dict[str, set[str]]) -> None:
    assert topological(upstream) == list(upstream)


@few
@given(upstreams_of(12), st.data())
def test_a_loop_is_found_and_is_one(upstream: dict[str, set[str]], data: st.DataObject) -> None:
    keys = list(upstream)
    if not keys:
        return
    first, last = sorted(data.draw(st.tuples(st.integers(0, len(keys) - 1), st.integers(0, len(keys) - 1))))
    upstream[keys[last]].add(keys[first])
    upstream[keys[first]].add(keys[last])
    with pytest.raises(ModelyardError) as caught:
        topological(upstream)
    told = caught.value.what.removeprefix("needs itself: ").removesuffix(" (each needs the next)").split(" → ")
    loop = told if len(told) > 1 else [caught.value.address, caught.value.address]
    assert loop[0] == loop[-1]
    assert all(after in upstream[before] for before, after in pairwise(loop))


def test_a_loop_is_named_from_its_smallest_address() -> None:
    with pytest.raises(ModelyardError) as caught:
        topological({"a": ["c"], "b": ["a"], "c": ["b"], "d": ["c"]})
    assert caught.value.what == "needs itself: a → c → b → a (each needs the next)"
    assert caught.value.code == "cycle"


@few
@given(nodes())
def test_a_node_survives_json(node: Node) -> None:
    assert node_from_json(json.loads(json.dumps(node_to_json(node)))) == node


@few
@given(st.lists(nodes(), max_size=3))
def test_a_graph_survives_json(some: list[Node]) -> None:
    graph = Graph(
        "p", MappingProxyType({node.address: node for node in some}), "dev", {"local": {}}, {"store": {"path": "x"}}
    )
    assert graph_from_json(json.loads(json.dumps(graph_to_json(graph)))) == graph


@few
@given(nodes(), st.data())
def test_the_order_of_keys_never_changes_a_fingerprint(node: Node, data: st.DataObject) -> None:
    digests = {port: f"b3:{index}" for index, port in enumerate(node.inputs)}
    twin = replace(
        node,
        config=shuffled(dict(node.config), data.draw),
        inputs=MappingProxyType(dict(reversed(node.inputs.items()))),
    )
    assert fingerprint(twin, dict(reversed(digests.items()))) == fingerprint(node, digests)
    assert node_identity(twin) == node_identity(node)


@few
@given(nodes())
def test_where_and_how_a_node_runs_is_no_part_of_its_fingerprint(node: Node) -> None:
    digests = dict.fromkeys(node.inputs, "b3:x")
    moved = replace(
        node, address="steps.elsewhere", resources=Resources(cpu=64), retries=Retries(9), timeout=1.5,
        marks=MappingProxyType({"x": "y:1"}), after=("steps.z",),
    )  # fmt: skip
    assert fingerprint(moved, digests) == fingerprint(node, digests)


@few
@given(nodes(), st.data())
def test_what_a_node_makes_of_what_is_its_fingerprint(node: Node, data: st.DataObject) -> None:
    digests = dict.fromkeys(node.inputs, "b3:x")
    changes = [
        replace(node, kind="other"),
        replace(node, config=MappingProxyType({**node.config, "zz": 1})),
        replace(node, code=(*node.code, CodeFile("new.py", "b3:c"))),
        replace(node, environment=replace(node.environment, packages=(*node.environment.packages, ("new", "1")))),
        replace(node, external=ExternalData("u", "b3:other")),
    ]
    changed = data.draw(st.sampled_from(changes))
    assert fingerprint(changed, digests) != fingerprint(node, digests)
    for port in node.inputs:
        assert fingerprint(node, {**digests, port: "b3:y"}) != fingerprint(node, digests)


@few
@given(nodes())
def test_a_service_follows_by_itself_what_it_follows(node: Node) -> None:
    digests = dict.fromkeys(node.inputs, "b3:x")
    for port, ref in node.inputs.items():
        same = service_fingerprint(node, {**digests, port: "b3:y"}) == service_fingerprint(node, digests)
        assert same is ref.follow


def test_a_fingerprint_stays_what_it_was() -> None:
    node = Node("steps.a", "command", config=MappingProxyType({"run": ["true"]}), outputs=("out",))
    assert fingerprint(node, {}) == "b3:f6ccb3fa4877c0d235b5a9604efd182979410e55c6c13533dfc96fe407aafab5"


class Loaded:
    """A spec without a file."""

    environment = None

    def __init__(self, tree: dict[str, Any]) -> None:
        self.spec = Spec.model_validate(tree)

    def place(self, _: str) -> None:
        return None


@few
@given(st.data())
def test_the_order_of_keys_in_a_spec_changes_nothing(data: st.DataObject) -> None:
    tree = {
        "version": 1,
        "project": "p",
        "steps": {
            "a": {"run": ["true"], "params": {"x": 1, "y": {"k": 1, "l": 2}}, "outputs": {"t": {"type": "table"}}},
            "b": {"call": "m:f", "inputs": {"one": "steps.a", "two": "sources.s"}, "env": {"A": "1", "B": "2"}},
        },
        "sources": {
            "s": {"type": "table", "path": "steps.a", "key": ["k"], "split": {"train": 0.6, "val": 0.2, "test": 0.2}}
        },
        "expectations": {"e": {"data": "sources.s", "expect": [{"name": "x", "kwargs": {"a": 1, "b": 2}}]}},
        "training": {"t": {"data": "sources.s", "engine": "sklearn", "target": "y", "params": {"p": 1, "q": 2}}},
        "tuning": {
            "u": {"training": "training.t", "maximize": "f1", "space": {"p": [1, 2], "q": {"from": 1, "to": 3}}}
        },
        "registry": {"r": {"from": "tuning.u"}},
    }

    def graph(of: dict[str, Any]) -> Graph:
        return compile_loaded(Loaded(of), data=uri_only, code=None, lock=None, variables={})

    one, two = graph(tree), graph(shuffled(tree, data.draw))
    assert list(one.nodes) == list(two.nodes)
    for address, node in one.nodes.items():
        digests = dict.fromkeys(node.inputs, "b3:x")
        assert fingerprint(node, digests) == fingerprint(two.nodes[address], digests)


@few
@given(upstreams_of(12), st.data())
def test_selection_laws(upstream: dict[str, set[str]], data: st.DataObject) -> None:
    graph = graph_of(*(step(f"steps.{key}", *(f"steps.{one}" for one in needs)) for key, needs in upstream.items()))
    assert select(graph) == tuple(graph.nodes)
    if not upstream:
        return
    address = data.draw(st.sampled_from(list(graph.nodes)))
    up, down = select(graph, [f"+{address}"]), select(graph, [f"{address}+"])
    assert set(up) & set(down) == {address}
    assert set(up) == upstream_of(graph, [address])
    assert set(down) == downstream_of(graph, [address])
    assert set(select(graph, [f"+{address}+"])) == set(up) | set(down)
    assert set(select(graph, exclude=[f"{address}+"])) == set(graph.nodes) - set(down)
    for other in graph.nodes:
        assert (other in up) == (address in select(graph, [f"{other}+"]))
    ordered = list(graph.nodes)
    assert list(up) == [one for one in ordered if one in up]
