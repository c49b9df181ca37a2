"""Secrets and Leases in a folder, for tests of the state: several processes share it, and any may be killed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from modelyard.state.cluster_objects import ClusterPlace
from modelyard.state.kubernetes import KubernetesState
from modelyard.state.state import State

Object = dict[str, Any]


class FolderObjects:
    """As an API server keeps them: every write has a version of its own, and names the one that it replaces.

    `before` and `after` are told of each write, and may raise or kill.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = FileLock(folder / "lock", thread_local=False)
        self.before: Callable[[str, Object], None] = lambda verb, obj: None
        self.after: Callable[[str, Object], None] = lambda verb, obj: None
        self.asked: list[str] = []

    def get(self, kind: str, name: str) -> Object | None:
        self.asked.append(f"get {kind}")
        try:
            return dict(json.loads(self._path(kind, name).read_text()))
        except FileNotFoundError:
            return None

    def create(self, obj: Object) -> Object | None:
        return self._write("create", obj)

    def replace(self, obj: Object) -> Object | None:
        return self._write("replace", obj)

    def _write(self, verb: str, obj: Object) -> Object | None:
        self.asked.append(f"{verb} {obj['kind']}")
        self.before(verb, obj)
        path = self._path(obj["kind"], obj["metadata"]["name"])
        with self._lock:
            there = json.loads(path.read_text())["metadata"]["resourceVersion"] if path.exists() else None
            if there != obj["metadata"].get("resourceVersion"):
                return None
            counter = self._folder / "version"
            version = str(int(counter.read_text()) + 1) if counter.exists() else "1"
            counter.write_text(version)
            written = {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}
            scratch = path.with_suffix(".new")
            scratch.write_text(json.dumps(written))
            scratch.replace(path)
        self.after(verb, obj)
        return written

    def _path(self, kind: str, name: str) -> Path:
        return self._folder / f"{kind}-{name}.json"


def place_in(folder: Path) -> ClusterPlace:
    return ClusterPlace(FolderObjects(folder), "flights-prod-state", {"app.kubernetes.io/managed-by": "modelyard"})


def open_at(uri: str, root: Path, **options: Any) -> State:
    """`State.open`, and for `kubernetes://` a state in a folder that stands for a cluster."""
    if uri == "kubernetes://":
        return KubernetesState.open_at(place_in(root / "cluster"), **options)
    return State.open(uri, root, **options)
