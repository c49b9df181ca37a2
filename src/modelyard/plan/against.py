"""Two graphs compared with no state and no data at hand: what a pull request changes, on any machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.digests import digest_json
from modelyard.graph.codec import node_to_json
from modelyard.graph.fingerprint import fingerprint, service_fingerprint
from modelyard.graph.model import Graph, Node
from modelyard.plan.builder import make_plan
from modelyard.plan.definition import Plan
from modelyard.task import Artifact


@dataclass(frozen=True, slots=True)
class Imagined:
    """A node as if it had been applied: every output is named by a digest of how it would be made."""

    address: str
    kind: str
    role: str
    fingerprint: str
    node: Node
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    summary: str = ""
    target: Mapping[str, Any] = field(default_factory=dict)

    @property
    def node_json(self) -> Mapping[str, Any]:
        return node_to_json(self.node)


def compare_graphs(old: Graph, new: Graph, name: str = "the other version") -> Plan:
    """The plan that brings what `old` describes to what `new` describes. `name` says in words what `old` is."""
    return replace(make_plan(new, imagine(old)), against=name)


def imagine(graph: Graph) -> dict[str, Imagined]:
    """What a state would say, had `graph` been applied."""
    records: dict[str, Imagined] = {}
    for address, node in graph.nodes.items():
        inputs = {port: records[ref.node].outputs[ref.output].digest for port, ref in node.inputs.items()}
        print_ = service_fingerprint(node, inputs) if node.role == "service" else fingerprint(node, inputs)
        outputs = {output: Artifact(digest_json([print_, output])) for output in node.outputs}
        records[address] = Imagined(address, node.kind, node.role, print_, node, inputs, outputs, target=graph.target)
    return records
