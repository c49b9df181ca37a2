"""What a server is told: the serving section, normalized, and what the target says by environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.secrets import resolve
from modelyard.serving.door import ENTRANCE

BODY_LIMIT = 32 << 20
ROWS_LIMIT = 10_000
PENDING_LIMIT = 1024
DRAIN_SECONDS = 4.0  # under the five that a target waits between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`model` is the registered name; `channel` the reference that is followed (or the one version pinned to)."""

    address: str
    model: str
    channel: str
    pinned: bool
    predictions: Path
    models: Path
    host: str = "127.0.0.1"
    port: int = 8080
    batch: int = 1
    wait: float = 0.0
    tokens: tuple[str, ...] = ()
    sample: float = 1.0
    hashed: tuple[str, ...] = ()
    threads: int = 0
    door: Path | None = None

    @classmethod
    def read(
        cls, address: str, config: Mapping[str, Any], root: Path, workdir: Path, settings: Mapping[str, Any]
    ) -> "ServerSettings":
        """From a node's config. `MODELYARD_HOST` and `MODELYARD_PORT` win: a target knows where it can listen.

        `MODELYARD_VERSION` pins one, as where new versions are rolled out step by step.
        `MODELYARD_DOOR` names who lends the listening socket (`modelyard.serving.door`), where the target has one.
        """
        version = os.environ.get("MODELYARD_VERSION") or config.get("version")
        pinned = version is not None
        where = version if pinned else config.get("stage", "production")
        batch, log = config.get("batch") or {}, config.get("log") or {}
        tokens = [resolve(text, settings) for text in (config.get("auth") or {}).get("tokens", ())]
        return cls(
            address=address,
            model=config["model"],
            channel=f"registry/{config['model']}/{where}",
            pinned=pinned,
            predictions=root / ".modelyard" / "predictions" / address.partition(".")[2],
            models=workdir / "models",
            host=os.environ.get("MODELYARD_HOST") or config.get("host") or "127.0.0.1",
            port=int(os.environ.get("MODELYARD_PORT") or config.get("port", 8080)),
            batch=batch.get("max", 1),
            wait=batch.get("wait", 0.0),
            tokens=tuple(part.strip() for text in tokens for part in text.split(",") if part.strip()),
            sample=log.get("sample", 1.0),
            hashed=tuple(log.get("hash", ())),
            door=Path(os.environ[ENTRANCE]) if os.environ.get(ENTRANCE) else None,
        )
