"""What an earlier run found out about unchanged files, kept in the user's cache: a shortcut, never a source of truth.

An entry's name tells all that it depends on, its first line is the digest of the rest. What is missing, damaged or of
other versions is made anew.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.digests import digest_bytes, digest_json
from modelyard.files import write_whole

_MOST = 16
"""So many entries of a kind stay, the newest."""


def entry(kind: str, sources: Iterable[Path], *depends_on: Any) -> Path:
    """The file of an entry that depends on Python, on `sources` by size and time (as its bytecode), and on the rest."""
    stats = [(str(path), (found := path.stat()).st_size, found.st_mtime_ns) for path in sorted(sources)]
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = digest_json([sys.version, stats, depends_on])[3:35]
    return Path(folder) / "modelyard" / f"{kind}-{name}.json"


def look_up(path: Path) -> bytes | None:
    """The content of an entry; None where it is not there, or not whole."""
    with suppress(OSError):
        digest, _, content = path.read_bytes().partition(b"\n")
        if digest.decode(errors="replace") == digest_bytes(content):
            return content
        path.unlink(missing_ok=True)
    return None


def keep(path: Path, content: bytes) -> None:
    """Write an entry, where there is a place for it, and let go of the oldest of its kind."""
    with suppress(OSError):
        write_whole(path, digest_bytes(content).encode() + b"\n" + content, mode=0o600)
        _let_go(sorted(path.parent.glob(f"{path.name.partition('-')[0]}-*.json"), key=lambda one: one.stat().st_mtime))


def _let_go(entries: Sequence[Path]) -> None:
    for path in entries[:-_MOST]:
        path.unlink(missing_ok=True)
