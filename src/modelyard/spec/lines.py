"""A short cut for large files: maps in block style whose values stand on their line, read by two regular expressions.

libyaml makes a Python object of each event, which takes most of a second for a generated spec of 10,000 steps. Such files
use little of YAML. What is read here is that little, and at the first line that is anything else the whole file is left
to `reader`: the two agree on every text that this takes, marks included (a property test holds them to it).
"""

import re
from typing import Any

from modelyard.spec.scalars import NumberError, resolve
from modelyard.spec.tree import Map, Seq

_LINE = re.compile(r"( *)(?:([A-Za-z_][A-Za-z0-9_-]{0,99}):(?: +([^ \n][^\n]*)?)?|#[^\n]*)?(?:\n|\Z)")
_PLAIN = re.compile(r"[A-Za-z0-9_/.$(][^:#\n]*(?::(?=[^ \n])[^:#\n]*)*|-[0-9.][0-9.eE+-]*")
_QUOTED = re.compile(r"\"[^\"\\]*\"|'[^']*'")
_TOKEN = re.compile(
    r" *(?:([{}\[\],])|([A-Za-z_][A-Za-z0-9_-]{0,99}): +(?![ ,}\]])"
    r"|([A-Za-z0-9_/.][^,\[\]{}:#?\"'&*!|>%@`]*(?::(?=[A-Za-z0-9_])[^,\[\]{}:#?\"'&*!|>%@`]*)*)|(\"[^\"\\]*\"|'[^']*'))"
)
_BREAKS = re.compile("[\t\r\x85\u2028\u2029]")
_MAX_DEPTH = 50


class _Other(Exception):
    """The text uses more of YAML than is read here."""


def read_lines(text: str, file: str, max_values: int) -> Map | None:
    """The tree of `text`, just as `reader` gives it; None where that one must read it."""
    if _BREAKS.search(text):
        return None
    try:
        return _Block(file, max_values).read(text)
    except (_Other, NumberError):
        return None


class _Block:
    def __init__(self, file: str, max_values: int) -> None:
        self.file = file
        self.left = max_values
        self.scalars: dict[str, Any] = {}
        self.flows: dict[str, Any] = {}

    def read(self, text: str) -> Map:
        file, scalars = self.file, self.scalars
        root = _new_map()
        node, indent = root, 0
        above: list[tuple[Map, int]] = []
        opened: tuple[str, tuple[Any, ...]] | None = None  # a key whose value begins on a later line, or is null
        end, line = 0, -1
        for found in _LINE.finditer(text):
            if found.start() != end:
                raise _Other
            end, line = found.end(), line + 1
            key = found[2]
            if key is None:
                continue
            column = len(found[1])
            if opened is not None:
                name, mark = opened
                if column > indent:
                    above.append((node, indent))
                    inner = _new_map()
                    node[name] = inner
                    node.marks[name] = (file, *mark[1:4], line, column, -1)
                    node, indent = inner, column
                else:
                    node[name], node.marks[name] = None, mark
                opened = None
            while column < indent:
                node, indent = above.pop()
            if column != indent or key in node or len(above) > _MAX_DEPTH:
                raise _Other
            stop = column + len(key)
            written = found[3]
            self.left -= 1
            if written is None:
                opened = (key, (file, line, column, stop, line, stop + 1, stop + 1))
                continue
            start = found.start(3) - found.start()
            value = written.rstrip(" ")
            last = start + len(value)
            if value in scalars:
                node[key] = scalars[value]
            elif value[0] in "{[":
                node[key], last = self._flow(value, line, start), -1
            else:
                node[key] = scalars[value] = self._scalar(value)
            node.marks[key] = (file, line, column, stop, line, start, last)
        if end != len(text) or self.left < 0 or (not root and opened is None):
            raise _Other
        if opened is not None:
            node[opened[0]], node.marks[opened[0]] = None, opened[1]
        return root

    def _scalar(self, text: str) -> Any:
        if _PLAIN.fullmatch(text) and text[-1] != ":":
            return resolve(text)
        if _QUOTED.fullmatch(text):
            return text[1:-1]
        raise _Other

    def _flow(self, text: str, line: int, column: int) -> Map | Seq:
        pattern = self.flows.get(text)
        if pattern is None:
            pattern, end = self._pattern(text, 0, 0)
            if end != len(text):
                raise _Other
            self.flows[text] = pattern
        return self._made(pattern, line, column)

    def _pattern(self, text: str, position: int, depth: int) -> tuple[tuple[bool, list[Any]], int]:
        """What a flow collection holds, with columns that count from the start of `text`, and where it ends."""
        is_map = text[position] == "{"
        entries: list[Any] = []
        position += 1
        self.left -= 1
        if depth > _MAX_DEPTH:
            raise _Other
        closing = "}" if is_map else "]"
        while True:
            found = _TOKEN.match(text, position)
            if found is None:
                raise _Other
            if found[1] == closing and not entries:
                return (is_map, entries), found.end()
            key = None
            if is_map:
                if found[2] is None or any(found[2] == entry[0][0] for entry in entries):
                    raise _Other
                key = (found[2], found.start(2), found.end(2))
                found = _TOKEN.match(text, found.end())
            value, position = self._item(text, found, depth)
            entries.append((key, *value))
            after = _TOKEN.match(text, position)
            if after is None or after[1] not in (",", closing):
                raise _Other
            position = after.end()
            if after[1] == closing:
                return (is_map, entries), position

    def _item(self, text: str, found: re.Match[str] | None, depth: int) -> tuple[tuple[Any, bool, int, int], int]:
        """(value, whether it is a pattern, first column, last column or -1), and where it ends."""
        self.left -= 1
        if found is None or found[2] is not None:
            raise _Other
        if found[1] is not None:
            if found[1] not in "{[":
                raise _Other
            pattern, end = self._pattern(text, found.start(1), depth + 1)
            return (pattern, True, found.start(1), -1), end
        if found[4] is not None:
            return (found[4][1:-1], False, found.start(4), found.end(4)), found.end()
        plain = found[3].rstrip(" ")
        start = found.start(3)
        return (resolve(plain), False, start, start + len(plain)), found.end()

    def _made(self, pattern: tuple[bool, list[Any]], line: int, column: int) -> Map | Seq:
        is_map, entries = pattern
        file = self.file
        if is_map:
            node = _new_map()
            for (key, first, last), value, is_pattern, start, end in entries:
                node[key] = self._made(value, line, column) if is_pattern else value
                stop = column + end if end >= 0 else -1
                node.marks[key] = (file, line, column + first, column + last, line, column + start, stop)
            return node
        items = Seq()
        items.marks = []
        for _, value, is_pattern, start, end in entries:
            items.append(self._made(value, line, column) if is_pattern else value)
            items.marks.append((file, line, column + start, column + end if end >= 0 else -1))
        return items


def _new_map() -> Map:
    node = Map()
    node.marks = {}
    return node
