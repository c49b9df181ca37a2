"""The project's own files, read from disk or from a commit: what code digests are taken of."""

import os
import stat
from pathlib import Path
from typing import Any, Protocol

from modelyard.graph.filecache import FileCache


class ProjectFiles(Protocol):
    """Paths are relative to the project, with `/`, and never lead out of it."""

    def lookup(self, path: str) -> tuple[str, int] | None:
        """Digest and number of lines of a file; None where there is no such file."""
        ...

    def read(self, path: str) -> bytes:
        """Raises OSError."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, sorted; empty where there is no such folder."""
        ...

    def fact(self, key: str) -> Any:
        """Something derived from content, kept under a key made of its digest; None where it is not known."""
        ...

    def keep_fact(self, key: str, value: Any) -> None: ...


class DiskFiles:
    """The working tree. Each file is looked at once, however many nodes name it."""

    def __init__(self, root: Path, cache: FileCache | None = None) -> None:
        self.root = root
        self.cache = cache or FileCache()
        self._base = os.fspath(root)
        self._seen: dict[str, tuple[str, int] | None] = {}
        self._listings: dict[str, frozenset[str]] = {}

    def lookup(self, path: str) -> tuple[str, int] | None:
        if path not in self._seen:
            self._seen[path] = self._look(path)
        return self._seen[path]

    def _look(self, path: str) -> tuple[str, int] | None:
        # Most words of a command are no files: a look into a list of names costs a tenth of a failing `stat`.
        folder, _, name = path.rpartition("/")
        if name not in self._listing(folder):
            return None
        place = f"{self._base}/{path}"
        try:
            status = os.stat(place)  # noqa: PTH116 - `lookup` takes the status as it is
            return self.cache.lookup(Path(place), status) if stat.S_ISREG(status.st_mode) else None
        except OSError:
            return None

    def _listing(self, folder: str) -> frozenset[str]:
        if folder not in self._listings:
            try:
                names = os.listdir(f"{self._base}/{folder}")  # noqa: PTH208 - names, not paths
            except (OSError, ValueError):
                names = []
            self._listings[folder] = frozenset(names)
        return self._listings[folder]

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self.root / folder) if entry.is_file())
        except OSError:
            return []

    def fact(self, key: str) -> Any:
        return self.cache.fact(key)

    def keep_fact(self, key: str, value: Any) -> None:
        self.cache.keep_fact(key, value)


def inside(path: str, root: str = "") -> str | None:
    """A path as the project's own: relative, normal, with `/`; None for what lies outside.

    `root` is the project's absolute folder, for paths that are written absolute.
    """
    if path.startswith("/"):
        if not root or not path.startswith(f"{root}/"):
            return None
        path = path[len(root) + 1 :]
    if "." in path or "//" in path or path.endswith("/") or os.sep != "/":
        path = os.path.normpath(path).replace(os.sep, "/")
        if path == "." or path.startswith("../") or path == "..":
            return None
    return path
