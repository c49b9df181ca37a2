"""The prediction log: JSON lines by day, written behind the requests' back, at most a second later."""

import json
import logging
import os
import random
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blake3 import blake3

logger = logging.getLogger("modelyard.serving")
_EVERY_SECONDS = 0.5
_MOST = 100_000


class PredictionLog:
    """`<folder>/YYYY-MM-DD.jsonl` (UTC). `add` never waits; what a slow disk cannot take is dropped and counted.

    With `MODELYARD_REPLICA` each server has files of its own, `YYYY-MM-DD.<replica>.jsonl`: several that share a
    network's file system would write over each other's lines.

    Columns in `hashed` are kept as a keyed hash: equal values stay equal, and without the key that lies beside the
    log (readable by this user only) nobody finds out a value by trying.
    """

    def __init__(self, folder: Path, sample: float = 1.0, hashed: Sequence[str] = ()) -> None:
        self.folder = folder
        self.dropped = 0
        self.written = 0
        self.on_write: Callable[[int, int], None] = lambda written, dropped: None
        self._sample = sample
        self._hashed = frozenset(hashed)
        self._key: bytes | None = None
        replica = os.path.expandvars(os.environ.get("MODELYARD_REPLICA", ""))
        self._replica = f".{replica}" if replica else ""
        self._queue: deque[Mapping[str, Any]] = deque()
        self._stop = threading.Event()
        self._torn = False
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)

    def start(self) -> None:
        if self._hashed:
            self._key = _key(self.folder.parent / ".hash-key")
        self._thread.start()

    def close(self) -> None:
        """Write what is left."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def wanted(self) -> bool:
        """Whether the next request is one of the sample."""
        return self._sample >= 1 or random.random() < self._sample  # noqa: S311 - a sample, not a secret

    def add(self, entry: Mapping[str, Any]) -> None:
        """`entry`: id, at, model, version, inputs, outputs, ms."""
        if len(self._queue) >= _MOST:
            self.dropped += 1
            self.on_write(0, 1)
            return
        self._queue.append(entry)

    def _work(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        entries = []
        while self._queue:
            entries.append(self._queue.popleft())
        by_day: dict[str, list[bytes]] = {}
        for entry in entries:
            by_day.setdefault(entry["at"][:10], []).append(self._line(entry))
        for day, lines in by_day.items():
            self._append(self.folder / f"{day}{self._replica}.jsonl", lines)

    def _line(self, entry: Mapping[str, Any]) -> bytes:
        inputs = {name: self._hide(value) if name in self._hashed else value for name, value in entry["inputs"].items()}
        return json.dumps({**entry, "inputs": inputs}, separators=(",", ":"), default=str).encode() + b"\n"

    def _hide(self, value: Any) -> str | None:
        if value is None or self._key is None:
            return None
        return f"h:{blake3(str(value).encode(), key=self._key).hexdigest()[:24]}"

    def _append(self, path: Path, lines: Sequence[bytes]) -> None:
        data = (b"\n" if self._torn else b"") + b"".join(lines)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o640)
            try:
                self._torn = os.write(fd, data) != len(data)
            finally:
                os.close(fd)
            if self._torn:
                raise OSError("the disk took only a part")
        except OSError as error:
            self.dropped += len(lines)
            self.on_write(0, len(lines))
            logger.warning("%d predictions could not be logged to %s: %s", len(lines), path, error)
            return
        self.written += len(lines)
        self.on_write(len(lines), 0)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def new_id() -> str:
    return secrets.token_hex(8)


def _key(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(fd, "wb") as stream:
        key = secrets.token_bytes(32)
        stream.write(key)
    return key
