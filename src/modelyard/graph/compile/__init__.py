"""Spec to graph: one file a section, put together here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modelyard.errors import ErrorGroup, ModelyardError
from modelyard.graph.code import CodeFinder
from modelyard.graph.compile.compilation import Compilation, Loaded
from modelyard.graph.compile.expectations import compile_expectations, gate_readers
from modelyard.graph.compile.features import compile_features
from modelyard.graph.compile.monitoring import compile_monitoring
from modelyard.graph.compile.observing import compile_observing
from modelyard.graph.compile.registry import compile_registry
from modelyard.graph.compile.serving import compile_serving
from modelyard.graph.compile.settings import settings_of
from modelyard.graph.compile.sources import compile_sources
from modelyard.graph.compile.steps import compile_steps
from modelyard.graph.compile.tracking import compile_tracking
from modelyard.graph.compile.training import compile_training
from modelyard.graph.compile.tuning import compile_tuning
from modelyard.graph.data import DataDigests
from modelyard.graph.environments import Environments
from modelyard.graph.lock import Lock
from modelyard.graph.model import Graph, Node
from modelyard.graph.order import topological


def compile_loaded(
    loaded: Loaded, *, data: DataDigests, code: CodeFinder | None, lock: Lock | None, variables: Mapping[str, Any]
) -> Graph:
    """Compile with everything handed in; reads nothing by itself. Raises ErrorGroup with every mistake."""
    environments = Environments(loaded.spec.runtime, lock)
    out = Compilation(loaded, data=data, code=code, environments=environments, variables=variables)
    compile_steps(out)
    compile_sources(out)
    compile_expectations(out)
    compile_features(out)
    trainings = compile_training(out)
    compile_tuning(out, trainings)
    compile_registry(out)
    compile_serving(out)
    compile_monitoring(out)
    compile_tracking(out)
    compile_observing(out)
    if out.errors:
        raise ErrorGroup(out.errors)
    nodes = ordered(loaded, _without_skipped(out))
    return Graph(
        loaded.spec.project,
        MappingProxyType(nodes),
        loaded.environment,
        loaded.spec.target.plain(),
        MappingProxyType(settings_of(out, lock)),
    )


def _without_skipped(out: Compilation) -> dict[str, Node]:
    """Nodes without those that a `when` skips, and without all that needs one of them."""
    gate_readers(out.nodes, out.gates)
    nodes = out.nodes
    found = bool(out.skipped)
    while found:
        needy = {
            address: next(before for before in node.upstream if before in out.skipped)
            for address, node in nodes.items()
            if address not in out.skipped and any(before in out.skipped for before in node.upstream)
        }
        out.skipped.update((address, f"needs {before}, which is skipped") for address, before in needy.items())
        found = bool(needy)
    return {address: node for address, node in nodes.items() if address not in out.skipped} if out.skipped else nodes


def ordered(loaded: Loaded, nodes: dict[str, Node]) -> dict[str, Node]:
    """Nodes in topological order, ties as they came. Raises ErrorGroup with the loop, at its place."""
    upstream = {
        address: {ref.node for ref in node.inputs.values()}.union(node.after) if node.inputs or node.after else ()
        for address, node in nodes.items()
    }
    try:
        return {address: nodes[address] for address in topological(upstream)}
    except ModelyardError as error:
        error.where = error.where or loaded.place(error.address or "")
        raise ErrorGroup([error]) from None


def variables_of(loaded: Any) -> Mapping[str, Any]:
    """Values of variables, for conditions; one without a value is an error where it is used."""
    from modelyard.spec.variables import MISSING

    return {name: value for name, value in loaded.variables.items() if value is not MISSING}
