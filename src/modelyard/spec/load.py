"""`load_spec`: from a path to a typed spec, or to everything that is wrong with it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.collector import no_collection
from modelyard.errors import ErrorGroup, ModelyardError, Place
from modelyard.spec.address import format_address, parse_address
from modelyard.spec.environments import DEFAULT_ENVIRONMENT, apply_environment, check_environments
from modelyard.spec.files import Files, Reader
from modelyard.spec.references import References
from modelyard.spec.tree import Map, nearest_place
from modelyard.spec.tree import Path as TreePath
from modelyard.spec.variables import variable_values

if TYPE_CHECKING:
    from modelyard.spec.model import Spec

_NOT_FILLED_IN = ("variables", "environments", "extends")


class SpecErrors(ErrorGroup):
    """The mistakes of one spec. `sources` has the text of each file, for the lines around a mistake."""

    def __init__(self, errors: list[ModelyardError], file: str, environment: str, sources: Mapping[str, str]) -> None:
        super().__init__(sorted(errors, key=_order))
        self.file = file
        self.environment = environment
        self.sources = dict(sources)


@dataclass(frozen=True, eq=False, repr=False)
class LoadedSpec:
    """A typed spec and where its values were written.

    `root` is the folder of the file, `files` all that were read; `tree` is the spec as written, after overlays and
    variables, before the typing. `variables` have the values of this run, `given` those that were given for it.
    """

    spec: "Spec"
    root: Path
    path: Path
    environment: str
    files: tuple[Path, ...]
    tree: Map
    sources: Mapping[str, str]
    variables: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    def place(self, address: str | TreePath, *, key: bool = False, within: str | None = None) -> Place | None:
        """Where `address` is written, or else what is nearest above it.

        `key` asks for the key itself; `within` for the words of that text inside the value, where they can be found.
        """
        path = parse_address(address) if isinstance(address, str) else address
        place = nearest_place(self.tree, path, key=key)
        return self._within(place, within) if place and within else place

    def _within(self, place: Place, text: str) -> Place:
        from modelyard.spec.syntax import BREAK

        lines = BREAK.split(self.sources.get(place.file, ""))
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        start = line.find(text, place.column - 1)
        return Place(place.file, place.line, start + 1, start + 1 + len(text)) if start >= 0 else place


def load_spec(
    path: Path,
    *,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    files: Reader | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedSpec:
    """Read, overlay, fill in, type and check a spec.

    Without `environment` it is `dev`, which need not be declared. `files` reads from somewhere else than the disk, such
    as a git commit; what the spec means is then not checked, for checks look at files on the disk. Raises SpecErrors,
    an ErrorGroup of all the mistakes that can be told apart.
    """
    with no_collection():
        return _Loading(path, environment or DEFAULT_ENVIRONMENT, files).run(
            variables or {}, os.environ if environ is None else environ
        )


class _Loading:
    def __init__(self, path: Path, environment: str, reader: Reader | None) -> None:
        self.path = path if reader else path.absolute()
        self.environment = environment
        self.files = Files(self.path.parent, reader)
        self.errors: list[ModelyardError] = []

    def run(self, variables: Mapping[str, str], environ: Mapping[str, str]) -> LoadedSpec:
        try:
            merged = self.files.load(self.path)
            tree = apply_environment(merged, self.environment)
        except ErrorGroup as group:
            self.errors += [*self.files.errors, *group.errors]
            raise self._failure() from None
        except ModelyardError as error:
            self.errors += [*self.files.errors, error]
            raise self._failure() from None
        self.errors += self.files.errors
        self.given = dict(variables)
        self.values = variable_values(tree, variables, environ, self.errors)
        references = References(tree, self.values, environ)
        filled = references.fill(_NOT_FILLED_IN) if self.files.may_refer else tree
        self.errors += references.errors
        return self._typed(merged, filled, references.unresolved)

    def _typed(self, merged: Map, filled: Map, unresolved: list[TreePath]) -> LoadedSpec:
        from modelyard.spec.typed import to_spec

        spec, errors = to_spec(filled)
        addresses = {format_address(path) for path in unresolved}
        self.errors += [error for error in errors if error.address not in addresses]
        self.errors += _other_environments(merged, spec)
        if spec is None:
            raise self._failure()
        loaded = LoadedSpec(
            spec=spec,
            root=self.path.parent,
            path=self.path,
            environment=self.environment,
            files=tuple(self.files.paths),
            tree=filled,
            sources=self.files.texts,
            variables=self.values,
            given=self.given,
        )
        if self.files.reader is None:
            from modelyard.spec.checks import check

            self.errors += [error for error in check(loaded) if error.address not in addresses]
        if self.errors:
            raise self._failure()
        return loaded

    def _failure(self) -> SpecErrors:
        return SpecErrors(_once(self.errors), self.path.name, self.environment, self.files.texts)


def _other_environments(merged: Map, spec: "Spec | None") -> list[ModelyardError]:
    if spec is not None:
        return check_environments(merged, list(type(spec).model_fields))
    from modelyard.spec.model import Spec

    return check_environments(merged, list(Spec.model_fields))


def _order(error: ModelyardError) -> tuple[bool, str, int, int]:
    place = error.where
    return (place is not None, place.file, place.line, place.column) if place else (False, "", 0, 0)


def _once(errors: list[ModelyardError]) -> list[ModelyardError]:
    """Values shared through aliases are met more than once; each mistake is told once."""
    seen: dict[tuple[str, str], ModelyardError] = {}
    for error in errors:
        seen.setdefault((str(error.where or error.address), error.what), error)
    return list(seen.values())
