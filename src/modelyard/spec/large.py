"""Large files: parsed once. Their tree is kept as JSON, their marks are found by reading again, once one is asked for.

Of 10,000 steps, parsing is half of a plan with nothing to do; and where nothing is wrong and nothing is laid over,
nobody asks where a value was written.
"""

from json import dumps, loads
from pathlib import Path
from typing import Any

from modelyard.digests import digest_bytes
from modelyard.spec.kept import entry, keep, look_up
from modelyard.spec.libyaml import yaml
from modelyard.spec.reader import Document, read
from modelyard.spec.syntax import decode
from modelyard.spec.tree import Map, Origin, Seq

LARGE = 64 << 10
_PARSERS = [Path(__file__).with_name(f"{name}.py") for name in ("anchors", "large", "reader", "scalars", "syntax")]


def read_large(data: bytes, file: str) -> Document:
    """As `read`. Files with mistakes are always read, and those with anchors, for an alias is no copy."""
    try:
        path = entry("tree", _PARSERS, yaml.__version__, digest_bytes(data))
    except (OSError, RuntimeError):  # no sources, or no home: nothing can be kept
        return read(data, file)
    origin = _Origin(data, file)
    tree = _kept_tree(path, origin)
    if tree is not None:
        origin.tree = tree
        return Document(file, decode(data, file), tree)
    document = read(data, file)
    if not document.errors and not document.anchored:
        keep(path, dumps(_as_json(document.tree), separators=(",", ":"), check_circular=False).encode())
    return document


class _Origin(Origin):
    """The file of a tree that has no marks yet."""

    def __init__(self, data: bytes, file: str) -> None:
        self.data = data
        self.file = file
        self.tree: Map | None = None

    def give_marks(self) -> None:
        _copy_marks(read(self.data, self.file).tree, self.tree)


def _copy_marks(marked: Any, tree: Any) -> None:
    if not isinstance(marked, (Map, Seq)):
        return
    tree.marks = marked.marks
    pairs = (
        zip(marked.values(), tree.values(), strict=True) if isinstance(marked, Map) else zip(marked, tree, strict=True)
    )
    for part, twin in pairs:
        _copy_marks(part, twin)


def _as_json(tree: Any) -> Any:
    """A list as `{"": […]}`, which no map is: JSON's reader has a hook for maps only."""
    if isinstance(tree, dict):
        return {key: _as_json(value) for key, value in tree.items()}
    return {"": [_as_json(item) for item in tree]} if isinstance(tree, list) else tree


def _kept_tree(path: Path, origin: Origin) -> Map | None:
    content = look_up(path)
    if content is None:
        return None

    def made(node: dict[str, Any]) -> Map | Seq:
        tree = Seq(node[""]) if "" in node else Map(node)
        tree.origin = origin
        return tree

    tree: Map = loads(content, object_hook=made)
    return tree
