"""The graph as a tree: each node once, below the last of what it needs, and beside it what else it needs."""

from modelyard.graph.model import Graph, Node
from modelyard.graph.views.labels import clipped, subtitle


def text(graph: Graph) -> str:
    """A heading, then one line a node."""
    parents = _parents(graph)
    children: dict[str | None, list[str]] = {}
    for address in graph.nodes:
        children.setdefault(parents[address], []).append(address)
    rows: list[tuple[str, Node, list[str]]] = []
    rest = [(address, "", "") for address in reversed(children.get(None, []))]
    while rest:
        address, lead, below = rest.pop()
        node = graph.nodes[address]
        rows.append((f"{lead}{address}", node, [before for before in node.upstream if before != parents[address]]))
        inner = children.get(address, [])
        for index in range(len(inner) - 1, -1, -1):
            last = index == len(inner) - 1
            rest.append((inner[index], below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
    width = min(max((len(label) for label, *_ in rows), default=0), 60)
    return "\n".join(
        [_heading(graph), "", *(_row(label, node, others, width) for label, node, others in rows)]
    ).rstrip()


def _parents(graph: Graph) -> dict[str, str | None]:
    """The upstream node that stands furthest down in the order: the last one to be waited for."""
    rank = {address: index for index, address in enumerate(graph.nodes)}
    return {
        address: max(node.upstream, key=rank.__getitem__) if node.upstream else None
        for address, node in graph.nodes.items()
    }


def _heading(graph: Graph) -> str:
    services = sum(node.role == "service" for node in graph.nodes.values())
    tasks = len(graph.nodes) - services
    counts = f"{tasks} task{'s' * (tasks != 1)}, {services} service{'s' * (services != 1)}"
    return " · ".join([graph.project, *([f"environment {graph.environment}"] if graph.environment else []), counts])


def _row(label: str, node: Node, others: list[str], width: int) -> str:
    also = f"  + {_some(others)}" if others else ""
    return f"{label:<{width}}  {clipped(subtitle(node), 40)}{also}".rstrip()


def _some(addresses: list[str]) -> str:
    shown = ", ".join(addresses[:4])
    return shown if len(addresses) <= 4 else f"{shown} and {len(addresses) - 4} more"
