"""A task's log file, and the events among what the task said."""

from collections import deque
from pathlib import Path
from types import TracebackType

from modelyard.logs import write_all


class TaskLog:
    """The log file, and the lines that are events taken out of it."""

    def __init__(self, path: Path, attempt: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("ab", buffering=0)
        self._write = write_all(self._stream.fileno())
        self._rest = b""
        self._tail: deque[bytes] = deque(maxlen=40)
        self._full = False
        if attempt > 1:
            self._put(f"── attempt {attempt} ──\n".encode())

    def __enter__(self) -> "TaskLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rest:
            self._put(self._rest + b"\n")
        self._stream.close()

    def take(self, data: bytes) -> list[str]:
        """Add what came; the lines in it that are events."""
        data = self._rest + data
        cut = data.rfind(b"\n") + 1
        self._rest, lines = data[cut:], data[:cut]
        if b"\x1e" not in lines:
            self._put(lines)
            return []
        events = []
        for line in lines.splitlines(keepends=True):
            if line.startswith(b"\x1e"):
                events.append(line.decode(errors="replace").rstrip("\n"))
            else:
                self._put(line)
        return events

    def _put(self, lines: bytes) -> None:
        self._tail.extend(lines[-16384:].splitlines()[-40:])
        if self._full:
            return
        try:
            self._write(lines)
        except OSError:  # a full disk costs the log's rest, not the task
            self._full = True

    def tail(self) -> tuple[str, ...]:
        return tuple(line.decode(errors="replace")[:2000] for line in self._tail)
