"""The plain tree that a YAML file becomes: dicts and lists that remember where each key and value was written.

Marks stay beside the data, so that pydantic sees a dict. They count from 0 and are plain tuples, for a spec of 10,000
steps has 150,000 of them; `Place` objects are made only for those that someone asks for.
"""

from collections.abc import Sequence
from typing import Any

from modelyard.errors import Place

Path = tuple[str | int, ...]
# file, then line, column, end column of the key, then the same of the value; an end of -1: not on one line
KeyMark = tuple[str, int, int, int, int, int, int]
# file, line, column, end column
ItemMark = tuple[str, int, int, int]


class Origin:
    """Where the marks of a tree come from that has none yet."""

    def give_marks(self) -> None:
        """Set `marks` throughout the tree."""
        raise NotImplementedError


class Map(dict[str, Any]):
    """A YAML mapping. `marks` has an entry for each key; without them, `origin` gives them when they are asked for."""

    __slots__ = ("marks", "origin")
    marks: dict[str, KeyMark]
    origin: Origin

    def __getattr__(self, name: str) -> Any:
        return _marks_of(self, name)

    def copy(self) -> "Map":
        twin = Map(self)
        twin.marks = self.marks.copy()
        return twin

    def without(self, keys: Sequence[str]) -> "Map":
        twin = self.copy()
        for key in keys:
            del twin[key], twin.marks[key]
        return twin


class Seq(list[Any]):
    """A YAML sequence. `marks` has an entry for each item; `origin` as of a Map."""

    __slots__ = ("marks", "origin")
    marks: list[ItemMark]
    origin: Origin

    def __getattr__(self, name: str) -> Any:
        return _marks_of(self, name)

    def copy(self) -> "Seq":
        twin = Seq(self)
        twin.marks = self.marks.copy()
        return twin


def _marks_of(tree: Map | Seq, name: str) -> Any:
    """Asked for what is not there yet: the marks, the first time."""
    if name != "marks":
        raise AttributeError(name)
    tree.origin.give_marks()
    return tree.marks


def key_place(tree: Map, key: str) -> Place:
    file, line, column, end, *_ = tree.marks[key]
    return _place(file, line, column, end)


def value_place(tree: Map, key: str) -> Place:
    """The place of a value; of its key, where the value is empty or a block that begins on a later line."""
    file, key_line, _, _, line, column, end = tree.marks[key]
    if column == end or (line != key_line and isinstance(tree[key], dict | list)):
        return key_place(tree, key)
    return _place(file, line, column, end)


def item_place(tree: Seq, index: int) -> Place:
    file, line, column, end = tree.marks[index]
    return _place(file, line, column, end)


def nearest_place(tree: Map, path: Sequence[str | int], *, key: bool = False) -> Place | None:
    """Where `path` is written, or else what is nearest above it. `key`: the last key itself, not its value."""
    node: Any = tree
    place: Place | None = None
    above: Place | None = None
    for depth, step in enumerate(path):
        if isinstance(node, Map) and step in node.marks:
            above = key_place(node, str(step))
            place = above if key and depth == len(path) - 1 else value_place(node, str(step))
        elif isinstance(node, Seq) and isinstance(step, int) and 0 <= step < len(node):
            above = place = item_place(node, step)
        else:
            return above
        node = node[step]
    return place


def value_at(tree: Any, path: Sequence[str | int]) -> Any:
    """The value at `path`. Raises LookupError or TypeError."""
    for step in path:
        tree = tree[step]
    return tree


def _place(file: str, line: int, column: int, end: int) -> Place:
    return Place(file, line + 1, column + 1, end + 1 if end >= 0 else None)
