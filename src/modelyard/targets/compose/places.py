"""Where on this machine a task reads and writes: what its container sees, at the very same paths."""

import os
from dataclasses import dataclass
from pathlib import Path

from modelyard.task import TaskDocument

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Places:
    """`database` is the file behind an SQLite URI of the tracking, `remote` a mirror of the store that is a folder."""

    state: Path
    store: Path
    database: Path | None
    remote: Path | None

    @property
    def mounted(self) -> list[Path]:
        """What is mounted for writing: the project's `.modelyard`, and what its spec or a link has put elsewhere."""
        found = [self.store, self.remote, self.database and self.database.parent]
        every = [path for written in found if written for path in (written, written.resolve())]
        return [self.state, *(path for path in dict.fromkeys(every) if not path.is_relative_to(self.state))]

    @property
    def written(self) -> list[Path]:
        """The folders in there that tasks write to."""
        folders = [self.store, self.state / "work", self.state / "predictions", self.remote]
        if self.database:
            folders.append(self.database.parent / "mlartifacts")
        return [folder for folder in folders if folder]


def places_of(root: Path, task: TaskDocument) -> Places:
    """Raises nothing: what is not there yet is made by whoever asks for it."""
    uri = str(task.tracking.get("uri") or f"{_SQLITE}.modelyard/mlflow.db")
    remote = str(task.store.get("remote") or "").removeprefix("file://")
    return Places(
        state=root / ".modelyard",
        store=_below(root, str(task.store.get("path") or ".modelyard/store")),
        database=_below(root, uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None,
        remote=_below(root, remote) if remote and "://" not in remote else None,
    )


def external_data(task: TaskDocument) -> list[Path]:
    """Data outside of the graph that the task reads, where it is here."""
    external = task.node.get("external")
    uri = str(external["uri"]).removeprefix("file://") if external else ""
    if not uri or "://" in uri:
        return []
    return [path for path in _matching(_below(Path(task.root), uri), Path(task.root)) if path.exists()]


def _matching(path: Path, root: Path) -> list[Path]:
    """The folder or file that a path names; of a pattern, the folder above it, or its files where that is `root`."""
    parts = path.parts
    pattern = next((at for at, part in enumerate(parts) if set("*?[") & set(part)), None)
    if pattern is None:
        return [path]
    folder = Path(*parts[:pattern])
    return [folder] if folder != root else sorted(root.glob(str(Path(*parts[pattern:]))))


def _below(root: Path, path: str) -> Path:
    return Path(os.path.normpath(root / path))
