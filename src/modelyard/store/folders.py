"""Folders by their content: kept here object by object, pushed to the remote and fetched from it as whole trees."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from modelyard.digests import digest_bytes
from modelyard.errors import ModelyardError
from modelyard.store.durable import disk_errors, temporary, write_whole
from modelyard.store.objects import Objects
from modelyard.store.remote import Remote
from modelyard.store.trees import Entry, decode_manifest, encode_manifest, hex_of, scan
from modelyard.task import Artifact

_T = TypeVar("_T")
_R = TypeVar("_R")
_FEW_FILES = 4
_THREADS = 16  # fsyncs that wait together are committed together: 0.2 ms a file in place of 1.6


class Folders:
    """A local folder of trees and objects, and a remote one in the same layout where one is named."""

    def __init__(self, path: Path, remote: Remote | None = None) -> None:
        self.path = path
        self.remote = remote
        self._scratch = path / "tmp"
        self._objects = Objects(path / "objects", self._scratch)

    def put_tree(self, folder: Path) -> Artifact:
        """Keep a folder by its content, here; `put_result` shares it. The folder itself is left as it is."""
        with disk_errors(f"storing {folder.name}", self.path):
            files = scan(folder)
            entries = self._add_all(files)
            data = encode_manifest(entries)
            digest = digest_bytes(data)
            manifest = self.path / self._tree_key(digest)
            if not manifest.exists():
                write_whole(manifest, data, self._scratch)
        return Artifact(digest, len(entries), sum(entry.size for entry in entries))

    def _add_all(self, files: Sequence[tuple[str, Path]]) -> list[Entry]:
        def add(file: tuple[str, Path]) -> Entry:
            digest, size = self._objects.add(file[1])
            return Entry(file[0], size, digest)

        if len(files) <= _FEW_FILES:
            return [add(file) for file in files]
        return _each(add, files)

    def _push(self, remote: Remote, digest: str, sent: Callable[[int], None]) -> None:
        """Objects first, then the manifest that names them: a tree that is on the remote is whole."""

        def push(file: tuple[str, int]) -> None:
            key = _object_key(file[0])
            if not remote.has(key):
                remote.push(key, self._objects.path(file[0]))
            sent(file[1])

        if remote.has(self._tree_key(digest)):
            return
        entries = self._local_manifest(digest)
        if entries is None:
            raise _missing(digest)
        _each(push, sorted({(entry.digest, entry.size) for entry in entries}))
        remote.write(self._tree_key(digest), encode_manifest(entries))

    def has(self, digest: str) -> bool:
        """Whether a tree can be materialized: whole in the local store, or in the remote one."""
        entries = self._local_manifest(digest)
        if entries is not None and all(self._objects.has(entry.digest, entry.size) for entry in entries):
            return True
        return self.remote is not None and self.remote.has(self._tree_key(digest))

    def manifest(self, digest: str) -> list[dict[str, Any]]:
        """The files of a tree: path, size, digest; sorted. Raises ModelyardError `not-in-store`."""
        return [{"path": entry.path, "size": entry.size, "digest": entry.digest} for entry in self._entries(digest)]

    def materialize(self, digest: str, folder: Path, writable: bool = False, verify: bool = False) -> Path:
        """Lay a tree out as files in `folder` (which must not hold them yet), read-only unless `writable`."""
        entries = self._entries(digest)
        with disk_errors(f"laying out {folder.name}", folder):
            folder.mkdir(parents=True, exist_ok=True)
            for parent in sorted({entry.path.rpartition("/")[0] for entry in entries}):
                (folder / parent).mkdir(parents=True, exist_ok=True)
            self._fetch_missing(entries, verify)
            for entry in entries:
                self._objects.place(entry.digest, folder / entry.path, writable)
        return folder

    def open_file(self, digest: str, path: str) -> IO[bytes]:
        """Open one file of a tree for reading, after its bytes were checked."""
        for entry in self._entries(digest):
            if entry.path == path:
                self._fetch_missing([entry], verify=True)
                return self._objects.path(entry.digest).open("rb")
        raise ModelyardError(f"{digest} has no file {path}", code="not-in-store")

    def verify(self, digest: str) -> bool:
        """Hash every file of a tree. Damaged objects are taken away; False where any was, or is not here."""
        entries = self._local_manifest(digest)
        if entries is None:
            return False
        sound = [self._objects.verify(entry.digest) for entry in entries]  # all, not up to the first
        return all(sound)

    def _tree_key(self, digest: str) -> str:
        return f"trees/{hex_of(digest)[:2]}/{hex_of(digest)}.json"

    def _local_manifest(self, digest: str) -> tuple[Entry, ...] | None:
        path = self.path / self._tree_key(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if digest_bytes(data) != digest:
            path.unlink(missing_ok=True)
            return None
        return _decode(digest, data)

    def _entries(self, digest: str) -> tuple[Entry, ...]:
        with disk_errors("reading the store", self.path):
            entries = self._local_manifest(digest)
            if entries is not None:
                return entries
            data = self.remote.read(self._tree_key(digest)) if self.remote else None
            if data is None:
                raise _missing(digest)
            if digest_bytes(data) != digest:
                raise ModelyardError(f"the manifest of {digest} in the remote store is damaged", code="corrupt")
            entries = _decode(digest, data)
            write_whole(self.path / self._tree_key(digest), data, self._scratch)
            return entries

    def _fetch_missing(self, entries: Iterable[Entry], verify: bool) -> None:
        missing = set()
        for entry in entries:
            here = self._objects.has(entry.digest, entry.size)
            if not here or (verify and not self._objects.verify(entry.digest)):
                missing.add(entry.digest)
        if missing:
            _each(self._fetch, sorted(missing))

    def _fetch(self, digest: str) -> None:
        temp = temporary(self._scratch)
        if self.remote is None or not self.remote.fetch(_object_key(digest), temp):
            raise _missing(digest)
        self._objects.adopt(temp, digest)


def _each(work: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    from concurrent.futures import ThreadPoolExecutor  # 10 ms that a small step does not pay

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, items))


def _object_key(digest: str) -> str:
    return f"objects/{hex_of(digest)[:2]}/{hex_of(digest)}"


def _decode(digest: str, data: bytes) -> tuple[Entry, ...]:
    try:
        return decode_manifest(data)
    except (ValueError, TypeError) as error:
        raise ModelyardError(f"the manifest {digest} is refused: {error}", code="bad-manifest") from error


def _missing(digest: str) -> ModelyardError:
    fix = "`modelyard apply` makes it again, or set `store.remote` to a store that has it"
    return ModelyardError(f"{digest} is not in the store", fix=fix, code="not-in-store")
