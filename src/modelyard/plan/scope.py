"""Which addresses a plan is about: what was selected, and what that cannot do without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelyard.graph.model import Graph
from modelyard.graph.select import select, upstream_of
from modelyard.plan.records import Applied


@dataclass(frozen=True)
class Scope:
    """`addresses` None means all. What is outside stays as it was applied and lends its last outputs."""

    addresses: frozenset[str] | None = None
    warnings: tuple[str, ...] = ()

    def __contains__(self, address: str) -> bool:
        return self.addresses is None or address in self.addresses

    @property
    def partial(self) -> bool:
        return self.addresses is not None

    def deletes(self, address: str) -> bool:
        """Only a whole plan deletes: a selection says what to look at, not that the rest is wanted gone."""
        return self.addresses is None


def scope_of(graph: Graph, applied: Mapping[str, Applied], patterns: Sequence[str], exclude: Sequence[str]) -> Scope:
    """What matches, and with it what it needs that was never applied; but nothing that was excluded.

    What hangs below an excluded node that was never applied cannot be done, and is left out with a warning.
    """
    if not patterns and not exclude:
        return Scope()
    chosen = set(select(graph, patterns, exclude))
    excluded = set(graph.nodes) - set(select(graph, (), exclude)) if exclude else set()
    chosen |= {address for address in upstream_of(graph, chosen) if address not in applied} - excluded
    blocked: dict[str, str] = {}
    for address, node in graph.nodes.items():
        cause = next((before for before in node.upstream if before in blocked), None)
        if cause is not None:
            blocked[address] = blocked[cause]
        elif address in excluded and address not in applied:
            blocked[address] = address
    left_out = {address: cause for address, cause in blocked.items() if address in chosen}
    warnings = tuple(f"{address} is left out: it needs {cause}, which is excluded and was never applied"
                     for address, cause in left_out.items())  # fmt: skip
    return Scope(frozenset(chosen - left_out.keys()), warnings)
