"""Objects with their texts: laid out by the templates, read back, and put into the order in which they are applied."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from modelyard.errors import ModelyardError
from modelyard.targets.base import Files
from modelyard.targets.flow import block
from modelyard.targets.kubernetes.kinds import Object, name_of
from modelyard.targets.kubernetes.manifests.sheet import GROUPS, Sheet
from modelyard.targets.templates import render_folder

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLACES = {kind: number for number, kind in enumerate(GROUPS)}


@dataclass(frozen=True)
class Piece:
    """One object, its text, and the file of the rendered folder."""

    object: Object
    path: str
    text: bytes


def lay_out(sheet: Sheet) -> list[Piece]:
    """Raises ModelyardError for a template that makes no YAML, or no object: that is a mistake of its own."""
    return [Piece(read(path, text), path, text) for path, text in texts_of(sheet).items()]


def texts_of(sheet: Sheet) -> Files:
    """By file; what is decided is laid out, and not read back."""
    return render_folder("kubernetes", {**sheet.items, "files": ()})


def pieces_with(objects: Iterable[Object], known: Sequence[Piece]) -> list[Piece]:
    """Pieces of objects, with the texts of those that nothing has changed."""
    texts = {id(piece.object): piece for piece in known}
    return [texts.get(id(one)) or _written(one) for one in objects]


def in_order(pieces: Iterable[Piece]) -> list[Piece]:
    """By kind; an operator's own, which stands for a workload, before the workloads. Then by name."""
    others = _PLACES["StatefulSet"] - 0.5
    return sorted(pieces, key=lambda piece: (_PLACES.get(piece.object["kind"], others), piece.path))


def _written(one: Object) -> Piece:
    return Piece(one, f"{one['kind'].lower()}-{name_of(one)}.yaml", block(one).encode())


def read(path: str, text: bytes) -> Object:
    try:
        found = yaml.load(text, Loader=_LOADER)  # noqa: S506 - safe in either form
    except yaml.YAMLError as error:
        raise ModelyardError(f"the template of {path} makes no YAML: {error}", code="template") from error
    if not isinstance(found, dict) or not {"apiVersion", "kind", "metadata"} <= found.keys():
        raise ModelyardError(f"the template of {path} makes no object", code="template")
    return found
