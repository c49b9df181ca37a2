"""Where a project's runs are recorded: MLflow's tracking URI, and the folder of artifacts beside an SQLite file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.secrets import resolve
from modelyard.task import TaskDocument

DEFAULT_URI = "sqlite:///.modelyard/mlflow.db"


@dataclass(frozen=True)
class TrackingPlace:
    """`database` is the file behind an SQLite URI; `artifacts` a folder, or None where the server decides."""

    uri: str
    experiment: str
    database: Path | None
    artifacts: Path | None
    mirrors: tuple[str, ...] = ()


def place_of(document: TaskDocument) -> TrackingPlace:
    """The place that a task's document names, with secrets filled in. Raises ModelyardError for a missing secret."""
    return locate(document.tracking, document.project, Path(document.root), document.settings)


def locate(tracking: Mapping[str, Any], project: str, root: Path, settings: Mapping[str, Any]) -> TrackingPlace:
    uri = resolve(str(tracking.get("uri") or DEFAULT_URI), settings)
    mirrors = tuple(tracking.get("mirrors") or ())
    if not uri.startswith("sqlite:///"):
        return TrackingPlace(uri, project, None, None, mirrors)
    database = (root / uri.removeprefix("sqlite:///")).resolve()
    artifacts = database.parent / "mlartifacts"
    return TrackingPlace(f"sqlite:///{database}", project, database, artifacts, mirrors)
