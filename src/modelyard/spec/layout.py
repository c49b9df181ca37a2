"""Where everything stands in a file that is to be edited: one node for each value, with its exact extent.

Only edits use it. Reading for a plan takes the faster way of `reader`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from modelyard.spec.libyaml import CParser, yaml
from modelyard.spec.tree import Path


@dataclass(slots=True)
class Node:
    """`start` and `end` are indexes into the text, lines and columns count from 0.

    The end of a block collection is where its last value ends, comments and blank lines behind that left out.
    """

    kind: Literal["scalar", "map", "seq", "alias"]
    flow: bool
    style: str
    start: int
    line: int
    column: int
    end: int = 0
    end_line: int = 0
    end_column: int = 0
    anchored: bool = False
    keys: list["Node"] = field(default_factory=list)
    values: list["Node"] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def layout(text: str) -> Node | None:
    """The root of a text that `reader.read` has taken; None for an empty one."""
    get = CParser(text).get_event
    while True:
        event = get()
        if type(event) is yaml.StreamEndEvent:
            return None
        if type(event) not in (yaml.StreamStartEvent, yaml.DocumentStartEvent):
            return _node(event, get)


def _node(event: Any, get: Callable[[], Any]) -> Node:
    kind = type(event)
    if kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
        return _collection(event, get, is_map=kind is yaml.MappingStartEvent)
    node = _begin(event, "alias" if kind is yaml.AliasEvent else "scalar", flow=False)
    _finish(node, event)
    return node


def _collection(event: Any, get: Callable[[], Any], *, is_map: bool) -> Node:
    node = _begin(event, "map" if is_map else "seq", flow=bool(event.flow_style))
    while type(inner := get()) not in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
        if is_map:
            node.names.append(getattr(inner, "value", ""))
            node.keys.append(_node(inner, get))
            inner = get()
        node.values.append(_node(inner, get))
    if node.flow or not node.values:
        _finish(node, inner)
    else:
        last = node.values[-1]
        node.end, node.end_line, node.end_column = last.end, last.end_line, last.end_column
    return node


def _begin(event: Any, kind: Literal["scalar", "map", "seq", "alias"], *, flow: bool) -> Node:
    mark = event.start_mark
    style = (getattr(event, "style", None) or "") if kind == "scalar" else ""
    anchored = kind != "alias" and event.anchor is not None
    return Node(kind, flow, style, mark.index, mark.line, mark.column, anchored=anchored)


def _finish(node: Node, event: Any) -> None:
    mark = event.end_mark
    node.end, node.end_line, node.end_column = mark.index, mark.line, mark.column


def descend(root: Node, path: Path) -> tuple[Node, int]:
    """The deepest node on the way to `path`, and how many of its steps lead there."""
    node = root
    for depth, step in enumerate(path):
        if node.kind == "map" and step in node.names:
            node = node.values[node.names.index(str(step))]
        elif node.kind == "seq" and isinstance(step, int) and step < len(node.values):
            node = node.values[step]
        else:
            return node, depth
    return node, len(path)
