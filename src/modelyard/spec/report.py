"""Mistakes as people and programs read them: text with the source line and a caret, JSON, SARIF 2.1.0."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.errors import ErrorGroup, ModelyardError, Place

Style = Callable[[str, str], str]
"""Gives a text in the style of that name: `place`, `address`, `what`, `fix`, `caret`, `dim`."""

_MAX_WIDTH = 160
_MAX_SHOWN = 50


def report_text(error: ModelyardError, *, root: Path | None = None, style: Style | None = None) -> str:
    """All mistakes as in `docs`: place, address, what is wrong, the line and the one above it, a caret, what to do.

    `root` is where relative files are read from when the error does not carry their text.
    """
    paint = style or (lambda _, text: text)
    lines_of = _Lines(error, root)
    found = mistakes(error)
    parts = [_one(mistake, lines_of, paint) for mistake in found[:_MAX_SHOWN]]
    if len(found) > _MAX_SHOWN:
        parts.append(paint("dim", f"… and {len(found) - _MAX_SHOWN} more"))
    return "\n".join([*parts, summary(error)]) + "\n"


def report_json(error: ModelyardError) -> dict[str, Any]:
    """The same as data: `{version, file, environment, errors: [{code, what, address, file, line, …}]}`."""
    found = mistakes(error)
    return {
        "version": 1,
        "file": getattr(error, "file", None),
        "environment": getattr(error, "environment", None),
        "valid": False,
        "errors": [_as_data(mistake) for mistake in found],
    }


def report_sarif(error: ModelyardError | None, *, tool_version: str) -> dict[str, Any]:
    """A SARIF 2.1.0 log, for GitHub's code scanning and editors. None: a log without results."""
    found = mistakes(error) if error else ()
    file = getattr(error, "file", None) or "mlops.yaml"
    codes = sorted({mistake.code for mistake in found})
    driver = {
        "name": "modelyard",
        "version": tool_version,
        "rules": [{"id": code, "shortDescription": {"text": code.replace("-", " ")}} for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_as_result(mistake, codes, file) for mistake in found],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return {"$schema": schema, "version": "2.1.0", "runs": [run]}


def mistakes(error: ModelyardError) -> Sequence[ModelyardError]:
    return error.errors if isinstance(error, ErrorGroup) else (error,)


def summary(error: ModelyardError) -> str:
    """«2 errors in mlops.yaml (environment dev)»."""
    count = len(mistakes(error))
    file, environment = getattr(error, "file", None), getattr(error, "environment", None)
    text = f"{count} error{'s' if count != 1 else ''}"
    if file:
        text += f" in {file}"
    return f"{text} (environment {environment})" if environment else text


class _Lines:
    """The lines of the files that errors name: as they were read, else from the disk."""

    def __init__(self, error: ModelyardError, root: Path | None) -> None:
        self.sources: Mapping[str, str] = getattr(error, "sources", {})
        self.root = root
        self.last: dict[str, int] = {}
        for place in (mistake.where for mistake in mistakes(error)):
            if place:
                self.last[place.file] = max(place.line, self.last.get(place.file, 0))
        self.read: dict[str, list[str]] = {}

    def around(self, place: Place) -> list[tuple[int, str]]:
        """The line of the place and the one before it, where there is one with something on it."""
        lines = self._of(place.file)
        if not 1 <= place.line <= len(lines):
            return []
        numbers = [place.line - 1, place.line] if place.line > 1 and lines[place.line - 2].strip() else [place.line]
        return [(number, lines[number - 1]) for number in numbers]

    def _of(self, file: str) -> list[str]:
        if file not in self.read:
            from modelyard.spec.syntax import BREAK

            # a file may have a million lines: none below the last mistake is looked for
            self.read[file] = BREAK.split(self._text(file), self.last[file])
        return self.read[file]

    def _text(self, file: str) -> str:
        if file in self.sources or self.root is None:
            return self.sources.get(file, "")
        try:
            with (self.root / file).open("rb") as stream:
                return stream.read(10_000_000).decode(errors="replace").removeprefix("\ufeff")
        except OSError:
            return ""


def _one(mistake: ModelyardError, lines_of: _Lines, paint: Style) -> str:
    place = mistake.where
    fix = _printable(mistake.fix) if mistake.fix else None
    head = [paint("place", _printable(str(place)))] if place else []
    head += [paint("address", _printable(mistake.address))] if mistake.address else []
    text = ["  ".join([*head, paint("what", _printable(mistake.what))])]
    around = lines_of.around(place) if place else []
    if place and around:
        width = max(5, len(str(place.line)) + 2)
        text += [paint("dim", f"{number:>{width}} | ") + _clip(line, place) for number, line in around]
        text.append(paint("dim", f"{'':>{width}} | ") + _caret(around[-1][1], place, paint, fix))
    elif fix:
        text.append(f"  {paint('fix', fix)}")
    return "\n".join([*text, *(f"      {_printable(line)}" for line in mistake.details)])


def _caret(line: str, place: Place, paint: Style, fix: str | None) -> str:
    shift = _shift(line, place)
    start = place.column - 1 - shift + (1 if shift else 0)
    length = max(1, (place.end_column or place.column + 1) - place.column)
    length = min(length, max(1, len(line) - place.column + 1), _MAX_WIDTH)
    before = "".join("\t" if char == "\t" else " " * _cells(char) for char in _clip(line, place)[:start])
    under = sum(_cells(char) for char in line[place.column - 1 : place.column - 1 + length]) or 1
    return before + paint("caret", "^" * under) + (f" {paint('fix', fix)}" if fix else "")


def _shift(line: str, place: Place) -> int:
    """How much of a very long line is cut off at its left, so that the place can be seen."""
    return max(0, place.column - _MAX_WIDTH // 2) if len(line) > _MAX_WIDTH else 0


def _clip(line: str, place: Place) -> str:
    shift = _shift(line, place)
    shown = line[shift : shift + _MAX_WIDTH]
    return ("…" if shift else "") + _printable(shown) + ("…" if shift + _MAX_WIDTH < len(line) else "")


def _printable(text: str) -> str:
    """A file's text must not steer the terminal: control characters are shown as U+FFFD."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)


def _cells(char: str) -> int:
    """How wide a terminal draws it."""
    import unicodedata

    if char.isascii():
        return 1
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _as_data(mistake: ModelyardError) -> dict[str, Any]:
    place = mistake.where
    return {
        "code": mistake.code,
        "what": mistake.what,
        "fix": mistake.fix,
        "address": mistake.address,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "end_column": place.end_column if place else None,
        "details": list(mistake.details),
    }


def _as_result(mistake: ModelyardError, codes: list[str], file: str) -> dict[str, Any]:
    place = mistake.where or Place(file, 1, 1)
    region = {"startLine": place.line, "startColumn": place.column}
    if place.end_column is not None and place.end_column > place.column:
        region["endColumn"] = place.end_column
    text = mistake.what + (f"\n{mistake.fix}" if mistake.fix else "")
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": _uri(place.file)}, "region": region}}
    if mistake.address:
        location["logicalLocations"] = [{"fullyQualifiedName": mistake.address}]
    return {
        "ruleId": mistake.code,
        "ruleIndex": codes.index(mistake.code),
        "level": "error",
        "message": {"text": text},
        "locations": [location],
    }


def _uri(file: str) -> str:
    from urllib.parse import quote

    return quote(file, safe="/:")
