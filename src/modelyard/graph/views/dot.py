"""The graph as DOT, for Graphviz and what reads its language."""

import json

from modelyard.graph.model import Graph, Node
from modelyard.graph.views.labels import COLOURS, clipped, edges, section, subtitle


def dot(graph: Graph) -> str:
    """A digraph from left to right; waiting is a dashed edge."""
    lines = [
        f"digraph {_quoted(graph.project)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
        '  edge [color="#7a8594", fontname="Helvetica", fontsize=9];',
    ]
    lines += [f"  {_quoted(node.address)} [{_look(node)}];" for node in graph.nodes.values()]
    for edge in edges(graph):
        look = "style=dashed" if edge.waits else f"label={_quoted(edge.passed)}"
        lines.append(f"  {_quoted(edge.before)} -> {_quoted(edge.after)} [{look}];")
    return "\n".join([*lines, "}"])


def _look(node: Node) -> str:
    fill, border, text = COLOURS.get(section(node), COLOURS["steps"])
    label = _quoted(f"{node.address}\n{clipped(subtitle(node), 40)}")
    return f'label={label}, fillcolor="{fill}", color="{border}", fontcolor="{text}"'


def _quoted(text: str) -> str:
    """A DOT string: as JSON writes one, but that `\\n` is the only escape of control signs that DOT knows."""
    return json.dumps(" ".join(text.split("\t")), ensure_ascii=False)
