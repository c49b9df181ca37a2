"""Digests of files, remembered by size, time and inode, so that a second look costs one `stat` a file.

The cache is only a shortcut: where it is missing, corrupt, or of another version it is dropped and made again. Two
processes may use it at once: it is replaced in one rename, and what the other has added in between is merged in.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from modelyard.digests import digest_bytes, digest_file
from modelyard.files import write_whole

VERSION = 1
_TEXT_LIMIT = 4 << 20
_KEEP = 200_000


class FileCache:
    """Digests by absolute path. With `path=None` nothing is read or kept on disk."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._old: dict[str, list[Any]] | None = None
        self._new: dict[str, list[Any]] = {}
        self._old_facts: dict[str, Any] = {}
        self._new_facts: dict[str, Any] = {}

    @classmethod
    def of(cls, root: Path) -> "FileCache":
        """The cache of a project: `.modelyard/cache/digests.json`."""
        return cls(root / ".modelyard" / "cache" / "digests.json")

    def digest(self, path: Path, status: os.stat_result | None = None) -> str:
        """The digest of a file's bytes. Raises OSError."""
        return self.lookup(path, status)[0]

    def lookup(self, path: Path, status: os.stat_result | None = None) -> tuple[str, int]:
        """Digest and number of lines (0 for what is no text, or too long for one to care). Raises OSError."""
        key = os.fspath(path)
        status = status or path.stat()
        known = self.known(key, status)
        if known is not None:
            return known
        looked_at = time.time_ns()
        digest, lines = _read(path, status.st_size)
        entry = [status.st_size, status.st_mtime_ns, status.st_ino, digest, lines]
        if looked_at - status.st_mtime_ns > _settled(status.st_mtime_ns):
            self._new[key] = entry
        return digest, lines

    def known(self, key: str, status: os.stat_result) -> tuple[str, int] | None:
        """What is remembered of a file that has not changed since."""
        entry = self._new.get(key) or self._entries().get(key)
        if entry and entry[:3] == [status.st_size, status.st_mtime_ns, status.st_ino]:
            return entry[3], entry[4]
        return None

    def fact(self, key: str) -> Any:
        """Something derived from content and kept under its digest; None where it is not known."""
        self._entries()
        found = self._new_facts.get(key)
        return self._old_facts.get(key) if found is None else found

    def keep_fact(self, key: str, value: Any) -> None:
        self._new_facts[key] = value

    def save(self) -> None:
        """Write what is new. A cache that cannot be written is no error: the next look is slower, and as right."""
        if self.path is None or not (self._new or self._new_facts):
            return
        files, facts = _load(self.path)
        files.update(self._new)
        facts.update(self._new_facts)
        document = {"version": VERSION, "files": _newest(files), "facts": _newest(facts)}
        with contextlib.suppress(OSError):
            write_whole(self.path, json.dumps(document, separators=(",", ":")))
            self._old, self._old_facts = files, facts
            self._new, self._new_facts = {}, {}

    def _entries(self) -> dict[str, list[Any]]:
        if self._old is None:
            self._old, self._old_facts = _load(self.path) if self.path else ({}, {})
        return self._old


def _settled(mtime_ns: int) -> int:
    """How long after its last change a file can be told by its time, in nanoseconds.

    A write within the clock's tick of a digest would not show in the time (git calls such an entry racy); a file
    system that keeps whole seconds has a tick of up to two.
    """
    return 2_000_000_000 if mtime_ns % 1_000_000_000 == 0 else 50_000_000


def _read(path: Path, size: int) -> tuple[str, int]:
    if size > _TEXT_LIMIT:
        return digest_file(path), 0
    content = path.read_bytes()
    return digest_bytes(content), count_lines(content)


def count_lines(content: bytes) -> int:
    """Lines of a text as `wc` and an editor would agree on; 0 for what holds NUL bytes."""
    if not content or b"\0" in content:
        return 0
    return content.count(b"\n") + (not content.endswith(b"\n"))


def _newest(entries: dict[str, Any]) -> dict[str, Any]:
    return entries if len(entries) <= _KEEP else dict(list(entries.items())[-_KEEP:])


def _load(path: Path) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}, {}
    if not isinstance(document, dict) or document.get("version") != VERSION:
        return {}, {}
    files, facts = document.get("files"), document.get("facts")
    if not isinstance(files, dict) or not isinstance(facts, dict) or not all(map(_is_entry, files.values())):
        return {}, {}
    return files, facts


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 5 and isinstance(entry[3], str) and isinstance(entry[4], int)
