"""`expectations.x`: a check between its data and everyone who reads that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation
from modelyard.graph.model import Node, Ref
from modelyard.spec.values import RUNNING_KEYS

if TYPE_CHECKING:
    from modelyard.spec.model.expectations import Expectation


def compile_expectations(out: Compilation) -> None:
    for name in sorted(out.spec.expectations):
        address = f"expectations.{name}"
        with out.at(address):
            _expectation(out, address, out.spec.expectations[name])


def _expectation(out: Compilation, address: str, expectation: Expectation) -> None:
    if expectation.data.startswith("serving."):
        fix = "Check the source instead, or use `monitoring`."
        what = "not supported yet: expectations on what a server is sent"
        raise ModelyardError(what, address=f"{address}.data", code="not-supported", fix=fix)
    ref = out.ref(expectation.data, f"{address}.data")
    config = {**expectation.plain(*RUNNING_KEYS, "data"), "type": out.references.data_type(expectation.data)}
    out.add(address, "expect", config, inputs={"data": ref}, outputs=("report",), running=expectation)
    if expectation.severity == "error":
        out.gates.append((ref, address))


def gate_readers(nodes: dict[str, Node], gates: list[tuple[Ref, str]]) -> None:
    """Make every reader of checked data wait for its check: `after` of the readers names the expectation.

    A check of a whole source gates its splits too; one of a split gates that split only.
    """
    by_node: dict[str, list[tuple[str, str]]] = {}
    for ref, expectation in gates:
        by_node.setdefault(ref.node, []).append((ref.output, expectation))
    for address, node in nodes.items() if by_node else ():
        if node.kind == "expect":
            continue
        waits = {
            expectation
            for ref in node.inputs.values()
            for output, expectation in by_node.get(ref.node, ())
            if output in {ref.output, "data"}
        }
        if waits:
            nodes[address] = replace(node, after=tuple(sorted(waits.union(node.after))))
