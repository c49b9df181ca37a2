"""What should run, written by the CLI; what does run, written by the supervisor. One writer a file, replaced whole.

`.modelyard/services/<environment>.<address>.json` is the first, `.modelyard/services/run/…` the second.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from modelyard.files import write_whole


@dataclass(frozen=True)
class Wanted:
    """A service as it should run. A new `generation` means a new process; the document alone may change under it.

    `probe` is the URL whose 2xx answer means ready; without one, a process that stays up is ready.
    """

    address: str
    kind: str
    environment: str
    fingerprint: str
    generation: int
    document: Mapping[str, Any]
    url: str | None = None
    probe: str | None = None
    port: int | None = None
    log: str = ""
    grace: float = 5.0


@dataclass(frozen=True)
class Running:
    """A service as the supervisor last saw it. `known_as` tells its process from a later one of the same id."""

    generation: int
    status: str
    pid: int | None = None
    known_as: str | None = None
    since: str = ""
    restarts: int = 0
    detail: str = ""
    version: str | None = None


@dataclass(frozen=True)
class ServiceFolder:
    """The folder of a project's services."""

    root: Path
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", self.root / ".modelyard" / "services")

    @property
    def run(self) -> Path:
        return self.path / "run"

    def wanted(self) -> dict[str, Wanted]:
        """By file stem. A file that cannot be read is passed over: it is being replaced, or is not ours."""
        found = {}
        for path in sorted(self.path.glob("*.json")) if self.path.is_dir() else ():
            if (data := read_json(path)) is not None:
                with suppress(TypeError):
                    found[path.stem] = Wanted(**data)
        return found

    def running(self) -> dict[str, Running]:
        found = {}
        for path in sorted(self.run.glob("*.json")) if self.run.is_dir() else ():
            if not path.name.endswith(".node.json") and (data := read_json(path)) is not None:
                with suppress(TypeError):
                    found[path.stem] = Running(**data)
        return found

    def want(self, stem: str, wanted: Wanted) -> None:
        write_json(self.path / f"{stem}.json", asdict(wanted))

    def unwant(self, stem: str) -> None:
        (self.path / f"{stem}.json").unlink(missing_ok=True)

    def note(self, stem: str, running: Running) -> None:
        write_json(self.run / f"{stem}.json", asdict(running))

    def forget(self, stem: str) -> None:
        (self.run / f"{stem}.json").unlink(missing_ok=True)
        (self.run / f"{stem}.node.json").unlink(missing_ok=True)


def stem_of(environment: str | None, address: str) -> str:
    return f"{environment or 'default'}.{address}"


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a JSON file, whole, readable by its owner only."""
    write_whole(path, json.dumps(data, indent=1, default=dict), sync=True, mode=0o600)


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
