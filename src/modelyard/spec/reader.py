"""Bytes to tree: one pass over libyaml's events, with bounds, so that no input takes long or much memory.

Refused: tags, duplicate keys, merge keys, keys that are not text, several documents, and aliases that expand without
measure. What stops the reading raises; what does not (a duplicate key) is collected, to be told with all the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modelyard.errors import ErrorGroup, ModelyardError, Place
from modelyard.spec.address import format_address
from modelyard.spec.anchors import Anchors
from modelyard.spec.libyaml import CParser, yaml
from modelyard.spec.scalars import NumberError, resolve
from modelyard.spec.syntax import decode, explain
from modelyard.spec.tree import Map, Seq

MAX_DEPTH = 100
MAX_VALUES = 150_000
MAX_ALIASED = 100_000
MAX_ERRORS = 100

_TOO_LARGE = (f"more than {MAX_VALUES:,} values", "keep data in files that `sources` names", "too-large")
_NUL = ("a NUL character", "remove it: no program's argument, path or variable can hold one", "not-text")
_UNKNOWN_ANCHOR = ("name a value `&NAME` before this line, or quote the text", "unknown-anchor")


@dataclass(eq=False, repr=False)
class Document:
    """What one file says. `errors` did not stop the reading; `anchored`: parts of the tree may be shared."""

    file: str
    text: str
    tree: Map
    errors: list[ModelyardError] = field(default_factory=list)
    anchored: bool = False


def read(data: bytes, file: str) -> Document:
    """Parse a spec file. Raises ModelyardError for what leaves nothing to go on with."""
    text = decode(data, file)
    builder = _Builder(file, text)
    try:
        tree = builder.build(CParser(text).get_event)
    except yaml.MarkedYAMLError as error:
        raise explain(error, text, file) from None
    return Document(file, text, tree, builder.errors, bool(builder.anchors.named))


class _Builder:
    """The state of one pass: the open collections, innermost last, and what the anchors name."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.errors: list[ModelyardError] = []
        self.open: list[Map | Seq] = []
        self.keys: list[str | None] = []
        self.values = 0
        self.aliased = 0
        self.documents = 0
        self.plain: dict[str, Any] = {}
        self.anchors = Anchors()
        self.anchored = "&" in text

    def build(self, get: Callable[[], Any]) -> Map:  # noqa: PLR0912, PLR0915 - told below
        """Read all events. One long function, for a call an event would double the time of a large spec."""
        scalar, alias = yaml.ScalarEvent, yaml.AliasEvent
        mapping_start, sequence_start = yaml.MappingStartEvent, yaml.SequenceStartEvent
        mapping_end, sequence_end = yaml.MappingEndEvent, yaml.SequenceEndEvent
        file = self.file
        plain = self.plain
        node: Any = None
        root: Any = None
        key: str | None = None
        key_line = key_column = key_stop = 0
        while True:
            event = get()
            kind = type(event)
            if kind is mapping_end or kind is sequence_end:
                node = self._close()
                continue
            start, end = event.start_mark, event.end_mark
            line, column = start.line, start.column
            stop = end.column if end.line == line else -1
            if kind is scalar:
                value = event.value
                if event.tag is not None or event.anchor is not None:
                    self._decorated(event, value, key)
                if key is None and type(node) is Map:
                    key, key_line, key_column, key_stop = value, line, column, stop
                    if value in node or value == "<<" or not value:
                        self._check_key(event, value)
                    continue
                if event.implicit[0]:
                    value = plain[value] if value in plain else self._plain(event, key)
                elif "\0" in value:
                    self._collect(self._error(event, key, *_NUL))
            elif kind is mapping_start or kind is sequence_start:
                value = Map() if kind is mapping_start else Seq()
                stop = -1
            elif kind is alias:
                value = self._alias(event, key)
                if key is None and type(node) is Map:
                    key, key_line, key_column, key_stop = value, line, column, stop
                    continue
            elif kind is yaml.StreamEndEvent:
                return self._whole(root)
            else:
                self._document(event)
                continue
            if key is not None:
                node[key] = value
                node.marks[key] = (file, key_line, key_column, key_stop, line, column, stop)
            elif type(node) is Seq:
                node.append(value)
                node.marks.append((file, line, column, stop))
            elif node is None and kind is mapping_start:
                root = value
            else:
                raise self._misplaced(event, node)
            self.values += 1
            if self.values > MAX_VALUES:
                raise self._error(event, key, *_TOO_LARGE)
            if kind is mapping_start or kind is sequence_start:
                self._open(event, value, key)
                node = value
            key = None

    def _open(self, event: Any, opened: Map | Seq, key: str | None) -> None:
        if event.tag is not None:
            self._refuse_tag(event, key)
        if len(self.open) >= MAX_DEPTH:
            raise self._error(event, key, f"nested more than {MAX_DEPTH} levels deep", "flatten it", "too-deep")
        self.open.append(opened)
        self.keys.append(key)
        opened.marks = {} if isinstance(opened, Map) else []
        if self.anchored:
            self.anchors.begin(event.anchor, self.values)

    def _close(self) -> Any:
        closed = self.open.pop()
        self.keys.pop()
        if self.anchored:
            self.anchors.end(closed, self.values)
        return self.open[-1] if self.open else None

    def _alias(self, event: Any, key: str | None) -> Any:
        name = event.anchor
        if name in self.anchors.pending:
            what = f"`*{name}` stands inside of what it names"
            raise self._error(event, key, what, "name a value that is complete before this line", "unknown-anchor")
        if name not in self.anchors.named:
            raise self._error(event, key, f"nothing is named `&{name}`", *_UNKNOWN_ANCHOR)
        value, weight, height = self.anchors.named[name]
        self.aliased += weight
        self.values += weight - 1
        if self.aliased > MAX_ALIASED:
            what = f"aliases expand to more than {MAX_ALIASED:,} values"
            raise self._error(event, key, what, "write them out, or share them through `extends`", "too-many-aliases")
        if len(self.open) + height > MAX_DEPTH:
            what = f"aliases nest more than {MAX_DEPTH} levels deep"
            raise self._error(event, key, what, "flatten it", "too-deep")
        if key is None and isinstance(self.open[-1] if self.open else None, Map) and not isinstance(value, str):
            raise self._error(event, key, "a key must be text", "write the key as one word", "key")
        self.anchors.reach(height)
        return value

    def _document(self, event: Any) -> None:
        if type(event) is yaml.DocumentStartEvent:
            self.documents += 1
            if self.documents > 1:
                fix = "keep one: what differs between environments goes under `environments`"
                raise self._error(event, None, "more than one document in a file", fix, "documents")

    def _whole(self, root: Map | None) -> Map:
        if root is None:
            raise ModelyardError(
                "the file is empty",
                where=Place(self.file, 1, 1),
                fix="begin with `version: 1` and `project: NAME`, or let `modelyard init` write a spec",
                code="empty-file",
            )
        return root

    def _decorated(self, event: Any, value: str, key: str | None) -> None:
        if event.tag is not None:
            self._refuse_tag(event, key)
        if event.anchor is not None:
            resolved = self._plain(event, key) if event.implicit[0] else value
            self.anchors.named[event.anchor] = (resolved, 1, 0)

    def _plain(self, event: Any, key: str | None) -> Any:
        try:
            value = self.plain[event.value] = resolve(event.value)
            return value
        except NumberError as error:
            fix = "write a finite number, or quote it to mean text"
            self._collect(self._error(event, key, str(error), fix, "number"))
            return 0

    def _refuse_tag(self, event: Any, key: str | None) -> None:
        written = self.text[event.start_mark.index :][:80].split(maxsplit=1)[0]
        fix = "a spec is plain YAML: remove the tag"
        self._collect(self._error(event, key, f"the tag `{written}` is not allowed", fix, "tag"))

    def _check_key(self, event: Any, key: str) -> None:
        if key == "<<" and event.implicit[0]:
            fix = "repeat the keys, or share them through `extends` or `environments`"
            self._collect(self._error(event, key, "merge keys (`<<`) are not part of YAML 1.2", fix, "merge-key"))
        elif not key:
            self._collect(self._error(event, None, "a key is empty", "write a name before `:`", "empty-key"))
        elif key in (node := self.open[-1]):
            assert isinstance(node, Map)
            fix = f"it is already given on line {node.marks[key][1] + 1}: remove one of the two"
            self._collect(self._error(event, key, f"duplicate key `{key}`", fix, "duplicate-key"))

    def _collect(self, error: ModelyardError) -> None:
        self.errors.append(error)
        if len(self.errors) >= MAX_ERRORS:
            raise ErrorGroup(self.errors)

    def _misplaced(self, event: Any, node: Any) -> ModelyardError:
        if node is not None:
            return self._error(event, None, "a key must be text, not a collection", "write the key as one word", "key")
        found = "a list" if type(event) is yaml.SequenceStartEvent else "a single value"
        what = f"a spec is a map of sections, not {found}"
        return self._error(event, None, what, "begin with `version: 1` and `project: NAME`", "not-a-map")

    def _error(self, event: Any, key: str | None, what: str, fix: str, code: str) -> ModelyardError:
        start, end = event.start_mark, event.end_mark
        stop = end.column + 1 if end.line == start.line and end.column > start.column else None
        place = Place(self.file, start.line + 1, start.column + 1, stop)
        return ModelyardError(what, where=place, address=self._address(key) or None, fix=fix, code=code)

    def _address(self, key: str | None) -> str:
        path: list[str | int] = []
        for above, name in zip([None, *self.open], [*self.keys, key], strict=True):
            if name is not None:
                path.append(name)
            elif isinstance(above, Seq):
                path.append(max(len(above) - 1, 0))
        return format_address(tuple(path))
