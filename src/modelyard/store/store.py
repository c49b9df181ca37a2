"""The store's few verbs: put and materialize folders, keep results by fingerprint, and small references by name."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from modelyard.digests import digest_bytes
from modelyard.errors import ModelyardError
from modelyard.store.collect import Collected, collect
from modelyard.store.durable import disk_errors, temporary, write_whole
from modelyard.store.objects import Objects
from modelyard.store.remote import Remote
from modelyard.store.trees import Entry, decode_manifest, encode_manifest, hex_of, is_safe, scan
from modelyard.task import Artifact, TaskResult

_T = TypeVar("_T")
_R = TypeVar("_R")
_FEW_FILES = 4
_THREADS = 16  # fsyncs that wait together are committed together: 0.2 ms a file in place of 1.6


class Store:
    """A local folder, and a remote mirror where one is named: results are pushed to it, what is missing is fetched."""

    def __init__(self, path: Path, remote: Remote | None = None) -> None:
        self.path = path
        self.remote = remote
        self._scratch = path / "tmp"
        self._objects = Objects(path / "objects", self._scratch)

    @classmethod
    def open(cls, settings: Mapping[str, Any], root: Path, graph_settings: Mapping[str, Any] | None = None) -> "Store":
        """Open by the spec's `store` section; makes nothing on the disk until something is put.

        `graph_settings` say where secrets live that the remote's URL names.
        """
        path = root / (settings.get("path") or ".modelyard/store")
        url = settings.get("remote")
        return cls(path, Remote(url, graph_settings) if url else None)

    # Trees

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

    def _push(self, remote: Remote, digest: str) -> None:
        """Objects first, then the manifest that names them: a tree that is on the remote is whole."""

        def push(file: str) -> None:
            key = _object_key(file)
            if not remote.has(key):
                remote.push(key, self._objects.path(file))

        if remote.has(self._tree_key(digest)):
            return
        entries = self._local_manifest(digest)
        if entries is None:
            raise _missing(digest)
        _each(push, sorted({entry.digest for entry in entries}))
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

    # Results

    def put_result(self, fingerprint: str, result: TaskResult) -> None:
        """Remember what a fingerprint made, and share it. Its outputs must have been put before.

        Where the remote fails, which is raised, all is kept here: the work need not be done again.
        """
        with disk_errors("storing a result", self.path):
            write_whole(self.path / _result_key(fingerprint), _encoded(result), self._scratch)
        self.share(fingerprint, result)

    def share(self, fingerprint: str, result: TaskResult) -> None:
        """Send a result and what it made to the remote, as far as they are not there. Raises ModelyardError."""
        if self.remote is None:
            return
        for digest in sorted({artifact.digest for artifact in result.outputs.values()}):
            self._push(self.remote, digest)
        if not self.remote.has(_result_key(fingerprint)):
            self.remote.write(_result_key(fingerprint), _encoded(result))

    def check_remote(self) -> None:
        """Raise ModelyardError where the remote cannot be worked with: before hours of work, not after them."""
        if self.remote:
            self.remote.check()

    def get_result(self, fingerprint: str) -> TaskResult | None:
        """What a fingerprint made, where it is known and its outputs are still here or on the remote."""
        key = _result_key(fingerprint)
        try:
            data: bytes | None = (self.path / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            data = self.remote.read(key) if self.remote and self.remote.has(key) else None
        if data is None:
            return None
        try:
            result = TaskResult.from_json(json.loads(data))
        except (ValueError, TypeError, KeyError):
            return None
        return result if all(self._knows(artifact.digest) for artifact in result.outputs.values()) else None

    def _knows(self, digest: str) -> bool:
        key = self._tree_key(digest)
        return (self.path / key).exists() or (self.remote is not None and self.remote.has(key))

    # References

    def put_ref(self, name: str, value: Any) -> None:
        """Point a name such as `registry/digits/production` at small JSON data, atomically."""
        key, data = _ref_key(name), json.dumps(value, indent=1, sort_keys=True, default=str).encode()
        with disk_errors(f"writing {name}", self.path):
            write_whole(self.path / key, data, self._scratch, sync=True)
        if self.remote:
            self.remote.write(key, data)

    def get_ref(self, name: str) -> Any:
        """What a name points at, or None. Where there is a remote, its word counts: other machines write there."""
        data = self.remote.read(_ref_key(name)) if self.remote else None
        if data is None:
            try:
                data = (self.path / _ref_key(name)).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
        try:
            return json.loads(data)
        except ValueError as error:
            fix = f"delete {self.path / _ref_key(name)} and apply again"
            raise ModelyardError(f"the reference {name} is damaged", fix=fix, code="corrupt") from error

    def list_refs(self, prefix: str = "") -> list[str]:
        """Names that begin with `prefix`, sorted."""
        base = self.path / "refs"
        names = {path.relative_to(base).as_posix() for path in base.rglob("*.json")}
        if self.remote:
            names.update(self.remote.names("refs"))
        return sorted(name[:-5] for name in names if name.endswith(".json") and name.startswith(prefix))

    def remove_ref(self, name: str) -> None:
        """Forget a name in the local store. One that is not there is no error."""
        (self.path / _ref_key(name)).unlink(missing_ok=True)

    # Care

    def gc(self, keep: Iterable[str], grace: float = 3600.0) -> Collected:
        """Delete local trees not in `keep`, results whose trees are gone, and objects that no tree names.

        What was written or asked for in the last `grace` seconds stays: someone may be about to name it.
        """
        with disk_errors("collecting garbage", self.path):
            return collect(self.path, frozenset(keep), grace)

    def size(self) -> int:
        """Bytes that the objects take on the disk."""
        return sum(path.stat().st_size for path in (self.path / "objects").rglob("*") if path.is_file())

    def free(self) -> int:
        """Bytes free on the store's disk."""
        here = self.path
        while not here.exists():
            here = here.parent
        import shutil

        return shutil.disk_usage(here).free


def _each(work: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    from concurrent.futures import ThreadPoolExecutor  # 10 ms that a small step does not pay

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, items))


def _object_key(digest: str) -> str:
    return f"objects/{hex_of(digest)[:2]}/{hex_of(digest)}"


def _result_key(fingerprint: str) -> str:
    return f"results/{hex_of(fingerprint)[:2]}/{hex_of(fingerprint)}.json"


def _encoded(result: TaskResult) -> bytes:
    return json.dumps(result.to_json(), default=str).encode()


def _ref_key(name: str) -> str:
    if not is_safe(name):
        raise ModelyardError(f"`{name}` is not a reference's name", code="bad-reference")
    return f"refs/{name}.json"


def _decode(digest: str, data: bytes) -> tuple[Entry, ...]:
    try:
        return decode_manifest(data)
    except (ValueError, TypeError) as error:
        raise ModelyardError(f"the manifest {digest} is refused: {error}", code="bad-manifest") from error


def _missing(digest: str) -> ModelyardError:
    fix = "`modelyard apply` makes it again, or set `store.remote` to a store that has it"
    return ModelyardError(f"{digest} is not in the store", fix=fix, code="not-in-store")
