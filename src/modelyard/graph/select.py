"""Choosing nodes by address: `training.detector`, `steps.*`, `training`, `+serving.api` (and what it needs),
`sources.scenes+` (and what needs it)."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph


def select(graph: Graph, patterns: Sequence[str] = (), exclude: Sequence[str] = ()) -> tuple[str, ...]:
    """Addresses that match any of `patterns` (all, where there is none) and none of `exclude`, in the graph's order.

    An address chooses its parts too (`training.late.features`, `steps.tidy[0]`). Raises ModelyardError (code
    `unknown-address`) for a pattern that matches nothing.
    """
    chosen = set(graph.nodes) if not patterns else _union(graph, patterns)
    left = chosen - _union(graph, exclude)
    return tuple(address for address in graph.nodes if address in left)


def upstream_of(graph: Graph, addresses: Iterable[str]) -> set[str]:
    """These and everything they need."""
    found: set[str] = set()
    rest = list(addresses)
    while rest:
        address = rest.pop()
        if address not in found:
            found.add(address)
            rest.extend(graph.nodes[address].upstream)
    return found


def downstream_of(graph: Graph, addresses: Iterable[str]) -> set[str]:
    """These and everything that needs them."""
    found = set(addresses)
    for address, node in graph.nodes.items():
        if any(before in found for before in node.upstream):
            found.add(address)
    return found


def _union(graph: Graph, patterns: Sequence[str]) -> set[str]:
    chosen: set[str] = set()
    for pattern in patterns:
        chosen |= _matches(graph, pattern)
    return chosen


def _matches(graph: Graph, pattern: str) -> set[str]:
    name = pattern.strip()
    up, down = name.startswith("+"), name.endswith("+")
    name = name.removeprefix("+").removesuffix("+")
    found = _named(graph, name)
    if not found:
        raise _unknown(graph, name)
    chosen = set(found)
    if up:
        chosen |= upstream_of(graph, found)
    if down:
        chosen |= downstream_of(graph, found)
    return chosen


def _named(graph: Graph, name: str) -> set[str]:
    if not any(sign in name for sign in "*?"):
        address = name.split(":", 1)[0]
        parts = (f"{address}.", f"{address}[")
        return {node for node in graph.nodes if node == address or node.startswith(parts)}
    # `[` is part of an address here (`steps.tidy[0]`), never a set of letters as in a shell.
    literal = name.replace("[", "[[]")
    return {node for node in graph.nodes if fnmatchcase(node, literal)}


def _unknown(graph: Graph, name: str) -> ModelyardError:
    from modelyard.nearest import nearest

    sections = dict.fromkeys(address.split(".", 1)[0] for address in graph.nodes)
    close = nearest(name, [*graph.nodes, *sections])
    if close:
        fix = f"Did you mean {' or '.join(f'`{match}`' for match in close)}?"
    else:
        fix = f"There is: {', '.join(list(graph.nodes)[:12]) or 'nothing, the spec has no nodes'}."
    return ModelyardError(f"nothing here is called `{name}`", code="unknown-address", fix=fix)
