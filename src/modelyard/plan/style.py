"""Colour by meaning, never by colour alone: every coloured word also says what it means."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from modelyard.plan.definition import Action

Meaning = Literal["plain", "new", "changed", "gone", "dim", "strong"]

_CODES: dict[str, str] = {"new": "32", "changed": "33", "gone": "31", "dim": "2", "strong": "1"}

SIGNS = {
    Action.CREATE: "+",
    Action.RERUN: "~",
    Action.RESTORE: "↺",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DELETE: "-",
    Action.NOOP: "=",
}

MEANINGS: dict[Action, Meaning] = {
    Action.CREATE: "new",
    Action.RERUN: "changed",
    Action.RESTORE: "changed",
    Action.UPDATE: "changed",
    Action.REPLACE: "changed",
    Action.DELETE: "gone",
    Action.NOOP: "dim",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line and what it means."""

    text: str
    meaning: Meaning = "plain"


def clean(text: str) -> str:
    """One line that moves no cursor: what a terminal would obey is shown escaped."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def paint(spans: Iterable[Span], color: bool, width: int | None = None) -> str:
    """The line as text, cut to `width` columns with an ellipsis, trailing blanks taken off."""
    pieces = [Span(clean(span.text), span.meaning) for span in spans]
    if width is not None:
        pieces = _cut(pieces, width)
    while pieces and not pieces[-1].text.strip():
        pieces.pop()
    if pieces:
        pieces[-1] = Span(pieces[-1].text.rstrip(), pieces[-1].meaning)
    if not color:
        return "".join(piece.text for piece in pieces)
    return "".join(_ansi(piece) for piece in pieces)


def _ansi(piece: Span) -> str:
    code = _CODES.get(piece.meaning)
    return f"\x1b[{code}m{piece.text}\x1b[0m" if code and piece.text.strip() else piece.text


def _cut(pieces: list[Span], width: int) -> list[Span]:
    left = width
    kept: list[Span] = []
    for piece in pieces:
        if len(piece.text) > left:
            kept.append(Span(piece.text[: max(left - 1, 0)] + "…", piece.meaning))
            return kept
        kept.append(piece)
        left -= len(piece.text)
    return kept
