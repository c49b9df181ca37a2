"""Logged predictions, read from where the last window ended."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Cursor = dict[str, int]
"""How far each day's file has been read, in bytes."""


@dataclass(frozen=True, slots=True)
class Window:
    """Predictions as logged; `cursor` is where the next window begins; `broken` lines were passed over."""

    entries: list[Mapping[str, Any]]
    cursor: Cursor
    broken: int = 0


def log_folder(root: Path, service: str) -> Path:
    return root / ".modelyard" / "predictions" / service.partition(".")[2]


def read_window(folder: Path, cursor: Mapping[str, int], most: int | None = None) -> Window:
    """What was logged after `cursor`, at most `most` entries. A line that is still being written is left for later."""
    entries: list[Mapping[str, Any]] = []
    ahead, broken = dict(cursor), 0
    for path in sorted(folder.glob("*.jsonl")):
        for end, line in _lines(path, ahead.get(path.name, 0)):
            if most is not None and len(entries) == most:
                return Window(entries, ahead, broken)
            ahead[path.name] = end
            entry = _entry(line)
            if entry is None:
                broken += 1
            else:
                entries.append(entry)
    return Window(entries, ahead, broken)


def _lines(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as stream:
        stream.seek(start)
        for line in stream:
            if not line.endswith(b"\n"):
                return
            start += len(line)
            if line.strip():
                yield start, line


def _entry(line: bytes) -> Mapping[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("inputs"), dict) else None
