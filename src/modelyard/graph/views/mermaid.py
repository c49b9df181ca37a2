"""The graph as Mermaid, as GitHub shows it in Markdown."""

from modelyard.graph.model import Graph, Node
from modelyard.graph.views.labels import COLOURS, clipped, edges, section, subtitle


def mermaid(graph: Graph) -> str:
    """A flowchart from left to right; services are rounded at their ends, waiting is a dotted line."""
    names = {address: f"n{index}" for index, address in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    lines += [f"  {names[node.address]}{_box(node)}:::{section(node)}" for node in graph.nodes.values()]
    for edge in edges(graph):
        arrow = "-.->" if edge.waits else f'-->|"{_escaped(edge.passed)}"|'
        lines.append(f"  {names[edge.before]} {arrow} {names[edge.after]}")
    for name in dict.fromkeys(section(node) for node in graph.nodes.values()):
        fill, border, text = COLOURS.get(name, COLOURS["steps"])
        lines.append(f"  classDef {name} fill:{fill},stroke:{border},color:{text}")
    return "\n".join(lines)


def _box(node: Node) -> str:
    label = f'"{_escaped(node.address)}<br/><small>{_escaped(clipped(subtitle(node), 40))}</small>"'
    return f"([{label}])" if node.role == "service" else f"[{label}]"


def _escaped(text: str) -> str:
    for sign, code in (("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        text = text.replace(sign, code)
    return text
