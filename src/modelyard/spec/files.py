"""The files that make up a spec: the one that was named, and what it extends. Nothing outside the project is read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from modelyard.errors import ModelyardError, Place
from modelyard.nearest import did_you_mean
from modelyard.resources import resource_folder
from modelyard.spec.large import LARGE, read_large
from modelyard.spec.merging import merge
from modelyard.spec.reader import Document, read
from modelyard.spec.syntax import MAX_BYTES
from modelyard.spec.tree import Map, Seq, item_place, value_place

Reader = Callable[[Path], bytes]
"""Gives a file's bytes; raises FileNotFoundError. A git tree takes the place of the disk through it."""

SHIPPED = "modelyard:"
MAX_FILES = 50


@dataclass(eq=False, repr=False)
class Files:
    """All that was read, by the name that errors use for it."""

    root: Path
    reader: Reader | None = None
    documents: dict[str, Document] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)
    errors: list[ModelyardError] = field(default_factory=list)

    @property
    def may_refer(self) -> bool:
        """Whether a value can hold a `$`: it is there to be seen, or written as an escape."""
        return any("$" in text or "\\" in text for text in self.texts.values())

    def load(self, path: Path) -> Map:
        """The tree of `path`, with what it extends beneath it. Raises ModelyardError."""
        return self._load(path, path.name if path.parent == self.root else path.as_posix(), None, ())

    def _load(self, path: Path, name: str, named_at: Place | None, above: tuple[str, ...]) -> Map:
        if name in above:
            chain = " → ".join((*above[above.index(name) :], name))
            raise _problem("`extends` goes round in a circle", named_at, f"take one of these out: {chain}", "cycle")
        if len(self.paths) >= MAX_FILES:
            raise _problem(f"more than {MAX_FILES} files in `extends`", named_at, "extend fewer", "too-large")
        document = self.documents.get(name)
        if document is None:
            document = self._read(path, name, named_at)
        tree = document.tree
        below: Map | None = None
        for reference, place in _extended(tree):
            extended, extended_name = self._locate(reference, path, name, place)
            layer = self._load(extended, extended_name, place, (*above, name))
            below = layer if below is None else merge(below, layer)
        return tree if below is None else merge(below.without([k for k in ("extends",) if k in below]), tree)

    def _read(self, path: Path, name: str, named_at: Place | None) -> Document:
        data = self._bytes(path, name, named_at)
        self.paths.append(path)
        try:
            document = read_large(data, name) if len(data) >= LARGE and not self.reader else read(data, name)
        except ModelyardError:
            self.texts[name] = data.decode(errors="replace").removeprefix("\ufeff")
            raise
        self.documents[name] = document
        self.texts[name] = document.text
        self.errors += document.errors
        return document

    def _bytes(self, path: Path, name: str, named_at: Place | None) -> bytes:
        try:
            return self.reader(path) if self.reader and not name.startswith(SHIPPED) else _read_file(path)
        except FileNotFoundError:
            if named_at is None:
                fix = "`modelyard init` writes one; `-f FILE` names another"
                raise _problem(f"there is no `{name}`", None, fix, "no-file") from None
            raise _problem(f"there is no `{name}`", named_at, self._near(path), "no-file") from None
        except IsADirectoryError:
            raise _problem(f"`{name}` is a folder, not a file", named_at, "name a YAML file", "no-file") from None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise _problem(f"`{name}` cannot be read: {why}", named_at, "check the file's rights", "no-file") from None

    def _near(self, path: Path) -> str:
        folder = path.parent
        names = [entry.name for entry in folder.glob("*.y*ml")] if not self.reader and folder.is_dir() else []
        return did_you_mean(path.name, names, "Files there") or "paths are relative to the file that names them"

    def _locate(self, reference: str, path: Path, name: str, place: Place) -> tuple[Path, str]:
        """The file that `extends` names: a shipped one, or one inside the project, links followed."""
        if reference.startswith(SHIPPED):
            return _shipped(reference.removeprefix(SHIPPED), place)
        if name.startswith(SHIPPED):
            fix = f"it may name `{SHIPPED}NAME`"
            raise _problem(f"a shipped spec cannot extend `{reference}`", place, fix, "extends")
        relative = PurePosixPath(reference.replace("\\", "/"))
        steps: list[str] = list(path.parent.relative_to(self.root).parts)
        for part in relative.parts:
            if part == ".." and steps:
                steps.pop()
            elif part in ("..", relative.anchor):
                raise _outside(reference, place)
            else:
                steps.append(part)
        found = self.root.joinpath(*steps)
        if not self.reader and not found.resolve().is_relative_to(self.root.resolve()):
            raise _outside(reference, place)
        return found, "/".join(steps)


def _read_file(path: Path) -> bytes:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(0, "not a regular file")
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _extended(tree: Map) -> list[tuple[str, Place]]:
    named: Any = tree.get("extends")
    if named is None:
        return []
    found = [(named, value_place(tree, "extends"))]
    if isinstance(named, Seq):
        found = [(item, item_place(named, index)) for index, item in enumerate(named)]
    if all(isinstance(item, str) and item and "\0" not in item for item, _ in found):
        return found
    fix = "write `extends: [modelyard:startup]`, or the paths of specs in the project"
    raise _problem("`extends` must be a name or a list of names", value_place(tree, "extends"), fix, "type")


def _shipped(name: str, place: Place) -> tuple[Path, str]:
    folder = resource_folder("specs")
    names = sorted({entry.stem for entry in folder.iterdir() if entry.suffix == ".yaml" or entry.is_dir()})
    if name in names:
        single = folder / f"{name}.yaml"
        found = single if single.is_file() else folder / name / "mlops.yaml"
        return found, f"{SHIPPED}{name}"
    raise _problem(f"no spec named `{name}` is shipped", place, did_you_mean(name, names, "There are"), "extends")


def _outside(reference: str, place: Place) -> ModelyardError:
    fix = "copy it into the project: a spec reads nothing outside of its folder"
    return _problem(f"`{reference}` is outside of the project", place, fix, "outside")


def _problem(what: str, place: Place | None, fix: str, code: str) -> ModelyardError:
    return ModelyardError(what, where=place, address="extends" if place else None, fix=fix, code=code)
