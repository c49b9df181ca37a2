"""The store's few verbs: folders by content, results by fingerprint, and small references by name."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.store.collect import Collected, collect
from modelyard.store.durable import disk_errors, write_whole
from modelyard.store.folders import Folders
from modelyard.store.remote import Remote
from modelyard.store.sent import Sent
from modelyard.store.trees import hex_of, is_safe
from modelyard.task import TaskResult


class Store(Folders):
    """A local folder, and a remote mirror where one is named: results are pushed to it, what is missing is fetched."""

    @classmethod
    def open(cls, settings: Mapping[str, Any], root: Path, graph_settings: Mapping[str, Any] | None = None) -> "Store":
        """Open by the spec's `store` section; makes nothing on the disk until something is put.

        `graph_settings` say where secrets live that the remote's URL names.
        """
        path = root / (settings.get("path") or ".modelyard/store")
        url = settings.get("remote")
        return cls(path, Remote(url, graph_settings) if url else None)

    # Results

    def put_result(self, fingerprint: str, result: TaskResult) -> None:
        """Remember what a fingerprint made, and share it. Its outputs must have been put before.

        Where the remote fails, which is raised, all is kept here: the work need not be done again.
        """
        with disk_errors("storing a result", self.path):
            write_whole(self.path / _result_key(fingerprint), _encoded(result), self._scratch)
        self.share(fingerprint, result)

    def share(self, fingerprint: str, result: TaskResult, sent: Callable[[int], None] = lambda _: None) -> None:
        """Send a result and what it made to the remote, as far as they are not there. Raises ModelyardError.

        `sent` is told the bytes of each file that is there now, from several threads.
        """
        if self.remote is None:
            return
        for digest in sorted({artifact.digest for artifact in result.outputs.values()}):
            self._push(self.remote, digest, sent)
        if not self.remote.has(_result_key(fingerprint)):
            self.remote.write(_result_key(fingerprint), _encoded(result))
        self._note(fingerprint)

    def unsent(self, fingerprints: Iterable[str]) -> list[str]:
        """Those whose results this store has not seen on the remote yet; the remote is not asked."""
        if self.remote is None:
            return []
        known = self._sent.known()
        return [fingerprint for fingerprint in fingerprints if fingerprint not in known]

    def is_shared(self, fingerprint: str, result: TaskResult) -> bool:
        """Whether the remote has a result and all it made; where it has, that is noted."""
        keys = [_result_key(fingerprint), *(self._tree_key(made.digest) for made in result.outputs.values())]
        if self.remote is None or not all(self.remote.has(key) for key in keys):
            return False
        self._note(fingerprint)
        return True

    def _note(self, fingerprint: str) -> None:
        with disk_errors("noting what was sent", self.path):
            self._sent.add(fingerprint)

    @property
    def _sent(self) -> Sent:
        assert self.remote is not None
        return Sent(self.path / "sent", self.remote.url)

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
        key, data = _ref_key(name), _encoded_ref(value)
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

    def share_refs(self, prefix: str) -> None:
        """Send references that the remote lacks, and the models they name; those it has stay as they are there."""
        if self.remote is None:
            return
        there = {name[:-5] for name in self.remote.names("refs")}
        for name in self.list_refs(prefix):
            if name in there:
                continue
            value = self.get_ref(name)
            model = value.get("model") if isinstance(value, dict) else None
            if model is None or self.has(model):
                if model is not None:
                    self._push(self.remote, model, lambda _: None)
                self.remote.write(_ref_key(name), _encoded_ref(value))

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


def _result_key(fingerprint: str) -> str:
    return f"results/{hex_of(fingerprint)[:2]}/{hex_of(fingerprint)}.json"


def _encoded(result: TaskResult) -> bytes:
    return json.dumps(result.to_json(), default=str).encode()


def _ref_key(name: str) -> str:
    if not is_safe(name):
        raise ModelyardError(f"`{name}` is not a reference's name", code="bad-reference")
    return f"refs/{name}.json"


def _encoded_ref(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, default=str).encode()
