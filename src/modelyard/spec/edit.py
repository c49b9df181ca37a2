"""Edits that leave everything else in a spec's text as it is: `fmt`, and one value set in place."""

from typing import Any

from modelyard.errors import ModelyardError
from modelyard.spec.address import parse_address
from modelyard.spec.emit import block_lines, flow, quoted, scalar
from modelyard.spec.formatting import fmt
from modelyard.spec.layout import Node, descend, layout
from modelyard.spec.reader import read
from modelyard.spec.tree import Path, nearest_place, value_at

__all__ = ["fmt", "set_value"]

_WIDTH = 100


def set_value(text: str, address: str, value: Any, *, file: str = "mlops.yaml") -> str:
    """The text with `address` set to plain data; what is missing on the way there is added.

    Only the value's own characters change. Raises ModelyardError where the address leads through something else.
    """
    tree = read(text.encode(), file).tree
    path = parse_address(address)
    root = layout(text)
    if not path or root is None:
        raise ModelyardError(f"`{address}` is no address", fix="write section.name.key", code="edit")
    parent, depth = descend(root, path)
    if depth == len(path):
        edited = _replace(text, root, path, parent, value)
    else:
        edited = _add(text, parent, path[depth], _nested(path[depth + 1 :], value), _column_of(root, path[:depth]))
    if edited is not None and _has(edited, path, value, tree, file):
        return edited
    place = nearest_place(tree, path)
    what = f"`{address}` cannot be set here"
    fix = "it leads through no map, or through an alias, or the layout needs a hand: edit the file"
    raise ModelyardError(what, where=place, address=address, fix=fix, code="edit")


def _nested(path: Path, value: Any) -> Any:
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def _has(text: str, path: Path, value: Any, before: Any, file: str) -> bool:
    """Whether the edited text reads as the old one with just this value changed."""
    try:
        after: Any = read(text.encode(), file).tree
        if value_at(after, path) != _plain(value):
            return False
    except (ModelyardError, LookupError, TypeError):
        return False
    return bool(_without(after, path) == _without(before, path))


def _without(tree: Any, path: Path) -> Any:
    """A copy of the tree without what `path` names, and without the empty maps that this leaves."""
    step, rest = path[0], path[1:]
    copy: Any = dict(tree) if isinstance(tree, dict) else list(tree) if isinstance(tree, list) else tree
    if isinstance(copy, dict) and step in copy:
        inner = _without(copy[step], rest) if rest else None
        if inner in (None, {}, []):
            del copy[step]
        else:
            copy[step] = inner
    elif isinstance(copy, list) and isinstance(step, int) and step < len(copy):
        copy[step] = _without(copy[step], rest) if rest else None
        if copy[step] in (None, {}, []) and step == len(copy) - 1:
            copy.pop()
    return copy


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _replace(text: str, root: Node, path: Path, node: Node, value: Any) -> str | None:
    above, _ = descend(root, path[:-1])
    column = _column_of(root, path[:-1])
    if node.anchored:
        return None
    if node.start == node.end:  # `key:` with nothing behind it
        return f"{text[: node.end]} {_one_line(value, node, above)}{text[node.end :]}"
    if not _fits(value, node, above):
        lines = _indented(block_lines(value), column + 2)
        start = len(text[: node.start].rstrip())
        return f"{text[:start]}\n{lines}{text[node.end :]}"
    if node.kind in ("map", "seq") and not node.flow and above.kind == "map":
        start = len(text[: node.start].rstrip())
        if "#" in text[above.keys[above.values.index(node)].end : node.start]:
            return None
        return f"{text[:start]} {_one_line(value, node, above)}{text[node.end :]}"
    ending = "\n" if node.style in ("|", ">") else ""
    return f"{text[: node.start]}{_one_line(value, node, above)}{ending}{text[node.end :]}"


def _fits(value: Any, node: Node, above: Node) -> bool:
    if above.flow or above.kind != "map" or not isinstance(value, dict | list | tuple) or not value:
        return True
    return node.flow or len(flow(value)) + node.column <= _WIDTH


def _one_line(value: Any, node: Node, above: Node) -> str:
    if isinstance(value, str) and node.style == '"':
        return quoted(value)
    if isinstance(value, str) and node.style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return scalar(value) if isinstance(value, str) and not above.flow else flow(value)


def _add(text: str, parent: Node, step: str | int, value: Any, column: int) -> str | None:
    if parent.kind == "map" and isinstance(step, str):
        return _add_entry(text, parent, f"{scalar(step, in_flow=parent.flow)}:", value, column)
    if parent.kind == "seq" and step == len(parent.values):
        return _add_entry(text, parent, "-", value, column)
    if parent.kind == "scalar" and parent.start == parent.end:
        inner = _nested((step,), value)
        return f"{text[: parent.end]}\n{_indented(block_lines(inner), column + 2)}{text[parent.end :]}"
    return None


def _add_entry(text: str, parent: Node, head: str, value: Any, column: int) -> str | None:
    if parent.flow:
        inside = text[parent.start + 1 : parent.end - 1]
        comma = "" if not inside.strip() or inside.rstrip().endswith(",") else ", "
        end = parent.start + 1 + len(inside.rstrip())
        entry = flow(value) if head == "-" else f"{head} {flow(value)}"
        return f"{text[:end]}{comma}{entry}{text[end:]}"
    is_block = isinstance(value, dict | list | tuple) and value and len(flow(value)) + column > _WIDTH
    one_line = scalar(value) if isinstance(value, str) else flow(value)
    nested = block_lines(value) if is_block or _deep(value) else [one_line]
    if head == "-":
        lines = [f"- {nested[0]}", *(f"  {line}" for line in nested[1:])]
    elif len(nested) > 1 or _deep(value):
        lines = [head, *(f"  {line}" for line in nested)]
    else:
        lines = [f"{head} {nested[0]}"]
    at = parent.end if parent.end_column == 0 else text.find("\n", parent.end)
    block = _indented(lines, parent.keys[0].column if parent.kind == "map" else parent.column)
    if at < 0:
        return f"{text}\n{block}\n" if not text.endswith("\n") else f"{text}{block}\n"
    return f"{text[:at]}{block}\n{text[at:]}" if parent.end_column == 0 else f"{text[:at]}\n{block}{text[at:]}"


def _deep(value: Any) -> bool:
    """Whether a map is better written as a block: it holds more maps."""
    return isinstance(value, dict) and any(isinstance(item, dict | list) and item for item in value.values())


def _indented(lines: list[str], column: int) -> str:
    return "\n".join(f"{' ' * column}{line}" for line in lines)


def _column_of(root: Node, path: Path) -> int:
    """The column in which the keys or dashes of the block at `path`, or of the nearest one above it, stand."""
    column = 0
    node = root
    for depth in range(len(path) + 1):
        node, reached = descend(root, path[:depth])
        if reached == depth and not node.flow and node.values:
            column = node.keys[0].column if node.kind == "map" else node.column
    return column
