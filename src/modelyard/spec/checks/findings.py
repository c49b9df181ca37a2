"""What the checks find: errors at their places, collected one after the other."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError, Place
from modelyard.nearest import did_you_mean
from modelyard.spec.address import format_address

if TYPE_CHECKING:
    from modelyard.spec.load import LoadedSpec
    from modelyard.spec.model import Spec

At = tuple[str | int, ...]
"""A path in the spec: ("registry", "digits", "gate", 0)."""


@dataclass(eq=False, repr=False)
class Findings:
    """`spec` is what is checked, `errors` what is wrong with it so far."""

    loaded: "LoadedSpec"
    errors: list[ModelyardError] = field(default_factory=list)

    @property
    def spec(self) -> "Spec":
        return self.loaded.spec

    def add(self, at: At, what: str, fix: str = "", code: str = "check", *, key: bool = False) -> None:
        """`key`: the mistake is the key itself, not its value."""
        place = self.loaded.place(at, key=key)
        self.errors.append(ModelyardError(what, where=place, address=format_address(at), fix=fix or None, code=code))

    def add_within(self, at: At, text: str, span: tuple[int, int], what: str, *, fix: str, code: str) -> None:
        """A mistake in a part of a text: `span` is where it begins and how long it is."""
        place = _part(self.loaded.place(at), text, *span)
        self.errors.append(ModelyardError(what, where=place, address=format_address(at), fix=fix or None, code=code))

    def unknown(
        self,
        at: At,
        word: str,
        what: str,
        known: "list[str] | tuple[str, ...]",
        *,
        kind: str,
        code: str,
        key: bool = False,
    ) -> None:
        self.add(at, what, did_you_mean(word, known, kind), code, key=key)


def _part(place: Place | None, text: str, start: int, length: int) -> Place | None:
    """The columns of a part, where the text is written as it reads: in one line, plain or in simple quotes."""
    if place is None or place.end_column is None:
        return place
    quotes = place.end_column - place.column - len(text)
    if quotes not in (0, 2):
        return place
    column = place.column + quotes // 2 + start
    return Place(place.file, place.line, column, column + length)
