"""Bytes to tree: one pass over libyaml's events, with bounds, so that no input takes long or much memory.

Refused: tags, duplicate keys, merge keys, keys that are not text, several documents, and aliases that expand without
measure. What stops the reading raises; what does not (a duplicate key) is collected, to be told with all the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelyard.errors import ModelyardError, Place
from modelyard.spec.address import format_address
from modelyard.spec.scalars import NumberError, resolve
from modelyard.spec.syntax import decode, explain
from modelyard.spec.tree import ItemMark, Map, Seq

try:
    from yaml._yaml import CParser  # type: ignore[import-not-found, unused-ignore]
except ImportError as error:  # pragma: no cover - every wheel of PyYAML has it
    raise ImportError("modelyard needs PyYAML with libyaml; reinstall it from a wheel") from error

MAX_DEPTH = 100
MAX_VALUES = 500_000
MAX_ALIASED = 100_000
MAX_ERRORS = 100


@dataclass
class Document:
    """What one file says. `errors` did not stop the reading."""

    file: str
    text: str
    tree: Map
    errors: list[ModelyardError] = field(default_factory=list)


def read(data: bytes, file: str) -> Document:
    """Parse a spec file. Raises ModelyardError for what leaves nothing to go on with."""
    text = decode(data, file)
    builder = _Builder(file, text)
    try:
        tree = builder.build(CParser(text).get_event)
    except yaml.MarkedYAMLError as error:
        raise explain(error, text, file) from None
    return Document(file, text, tree, builder.errors)


class _Builder:
    """The state of one pass. `frames` holds what is above the open collection: (collection, key, its mark)."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.errors: list[ModelyardError] = []
        self.frames: list[tuple[Any, Any, tuple[int, int, int]]] = []
        self.node: Any = None
        self.key: str | None = None
        self.key_mark = (0, 0, 0)
        self.values = 0
        self.aliased = 0
        self.heights: list[int] = []
        self.plain: dict[str, Any] = {}
        self.anchors: dict[str, tuple[Any, int, int]] = {}
        self.open_anchors: dict[int, tuple[str, int]] = {}

    def build(self, get: Callable[[], Any]) -> Map:
        scalar, mapping_start, sequence_start = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
        mapping_end, sequence_end, alias = yaml.MappingEndEvent, yaml.SequenceEndEvent, yaml.AliasEvent
        documents = 0
        root: Any = None
        while True:
            event = get()
            kind = type(event)
            if kind is scalar:
                self._scalar(event)
            elif kind is mapping_start or kind is sequence_start:
                self._open(event, Map() if kind is mapping_start else Seq())
            elif kind is mapping_end or kind is sequence_end:
                root = self._close()
            elif kind is alias:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise self._error(event, "more than one document in a file", "keep what stands before `---`")
            elif kind is yaml.StreamEndEvent:
                break
        if documents == 0:
            raise ModelyardError(
                "the file is empty",
                where=Place(self.file, 1, 1),
                fix="begin with `version: 1` and `project: NAME`, or let `modelyard init` write a spec",
                code="empty-file",
            )
        assert isinstance(root, Map)
        return root

    def _scalar(self, event: Any) -> None:
        value = event.value
        start, end = event.start_mark, event.end_mark
        if event.tag is not None:
            self._refuse_tag(event)
        line, column = start.line, start.column
        stop = end.column if end.line == line else -1
        node = self.node
        if type(node) is Map and self.key is None:
            if value == "<<" or (not value and event.implicit[0]):
                self._refuse_key(event)
            if event.anchor is not None:
                self.anchors[event.anchor] = (value, 1, 0)
            self.key, self.key_mark = value, (line, column, stop)
            return
        if event.implicit[0]:
            plain = self.plain
            if value in plain:
                value = plain[value]
            else:
                value = plain[value] = self._plain(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1, 0)
        self._add(value, line, column, stop, event)

    def _add(self, value: Any, line: int, column: int, stop: int, event: Any) -> None:
        self.values += 1
        node = self.node
        if type(node) is Map:
            key = self.key
            if key in node:
                self._duplicate(key)
            node[key] = value
            node.marks[key] = (self.file, *self.key_mark, line, column, stop)
            self.key = None
        elif node is not None:
            node.append(value)
            node.marks.append((self.file, line, column, stop))
        else:
            raise self._root_error(event)

    def _open(self, event: Any, opened: Map | Seq) -> None:
        if event.tag is not None:
            self._refuse_tag(event)
        node = self.node
        mark = event.start_mark
        if node is None:
            if isinstance(opened, Seq):
                raise self._root_error(event)
        else:
            if type(node) is Map and self.key is None:
                raise self._error(event, "a key must be text, not a collection", "write the key as one word")
            self._add(opened, mark.line, mark.column, -1, event)
        if self.values > MAX_VALUES:
            raise self._error(event, f"more than {MAX_VALUES:,} values", "split the spec in smaller ones", "too-large")
        if len(self.frames) >= MAX_DEPTH:
            raise self._error(event, f"nested more than {MAX_DEPTH} levels deep", "flatten it", "too-deep")
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
            self.open_anchors[id(opened)] = (event.anchor, self.values)
        opened.marks = {} if isinstance(opened, Map) else []  # type: ignore[assignment]
        self.frames.append((node, None, (0, 0, 0)))
        self.heights.append(0)
        self.node = opened
        self.key = None

    def _close(self) -> Any:
        closed = self.node
        self.node, self.key, self.key_mark = self.frames.pop()
        height = self.heights.pop() + 1
        if self.heights and height > self.heights[-1]:
            self.heights[-1] = height
        if self.open_anchors and id(closed) in self.open_anchors:
            anchor, before = self.open_anchors.pop(id(closed))
            self.anchors[anchor] = (closed, self.values - before + 1, height)
        return closed

    def _alias(self, event: Any) -> None:
        anchor = event.anchor
        if anchor not in self.anchors:
            inside = any(anchor == name for name, _ in self.open_anchors.values())
            what = f"`*{anchor}` stands inside of what it names" if inside else f"nothing is named `&{anchor}`"
            raise self._error(event, what, f"name a value `&{anchor}` before this line", "unknown-anchor")
        value, weight, height = self.anchors[anchor]
        self.aliased += weight
        if self.aliased > MAX_ALIASED:
            fix = "write the values out, or share them through `extends`"
            raise self._error(event, f"aliases expand to more than {MAX_ALIASED:,} values", fix, "too-many-aliases")
        if len(self.frames) + height > MAX_DEPTH:
            raise self._error(event, f"aliases nest more than {MAX_DEPTH} levels deep", "flatten it", "too-deep")
        if type(self.node) is Map and self.key is None:
            if not isinstance(value, str):
                raise self._error(event, "a key must be text", "write the key as one word")
            self.key, self.key_mark = value, self._mark(event)[1:]
            return
        if self.heights:
            self.heights[-1] = max(self.heights[-1], height)
        self.values += weight - 1
        self._add(value, *self._mark(event)[1:], event)

    def _plain(self, event: Any) -> Any:
        try:
            return resolve(event.value)
        except NumberError as error:
            self._collect(self._error(event, str(error), "write a finite number, or quote it to mean text", "number"))
            return None

    def _refuse_tag(self, event: Any) -> None:
        mark = event.start_mark
        written = self.text[mark.index : mark.index + 60].split(maxsplit=1)[0]
        self._collect(
            self._error(event, f"the tag `{written}` is not allowed", "a spec is plain YAML: remove the tag", "tag")
        )

    def _refuse_key(self, event: Any) -> None:
        if event.value:
            fix = "repeat the keys, or share them through `extends` or `environments`"
            self._collect(self._error(event, "merge keys (`<<`) are not part of YAML 1.2", fix, "merge-key"))
        else:
            self._collect(self._error(event, "a key is empty", "write the key's name before `:`", "empty-key"))

    def _duplicate(self, key: str) -> None:
        first = self.node.marks[key]
        error = ModelyardError(
            f"duplicate key `{key}`",
            where=Place(self.file, self.key_mark[0] + 1, self.key_mark[1] + 1, self.key_mark[2] + 1),
            address=self._address(key),
            fix=f"it is already given on line {first[1] + 1}: remove one of the two",
            code="duplicate-key",
        )
        self._collect(error)

    def _collect(self, error: ModelyardError) -> None:
        self.errors.append(error)
        if len(self.errors) >= MAX_ERRORS:
            from modelyard.errors import ErrorGroup

            raise ErrorGroup(self.errors)

    def _root_error(self, event: Any) -> ModelyardError:
        found = "a list" if type(event) is yaml.SequenceStartEvent else "a single value"
        return self._error(event, f"a spec is a map of sections, not {found}", "begin with `version: 1`", "not-a-map")

    def _error(self, event: Any, what: str, fix: str, code: str = "yaml") -> ModelyardError:
        file, line, column, stop = self._mark(event)
        place = Place(file, line + 1, column + 1, stop + 1 if stop >= 0 else None)
        return ModelyardError(what, where=place, address=self._address(self.key) or None, fix=fix, code=code)

    def _mark(self, event: Any) -> ItemMark:
        start, end = event.start_mark, event.end_mark
        return (self.file, start.line, start.column, end.column if end.line == start.line else -1)

    def _address(self, key: str | None) -> str:
        """The path of the open collection, found by identity: errors are rare, so nothing keeps track of it."""
        nodes = [frame[0] for frame in self.frames[1:]] + [self.node]
        path: list[str | int] = []
        for above, below in zip(nodes, nodes[1:], strict=False):
            if isinstance(above, Map):
                path += [name for name, value in above.items() if value is below][-1:]
            elif isinstance(above, Seq):
                path.append(len(above) - 1)
        if key is not None:
            path.append(key)
        return format_address(tuple(path))
