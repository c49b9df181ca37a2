"""Output of processes we did not write: bounded lines, bounded files, no secret, no forged event."""

import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from modelyard.task import decode_event

LONGEST_LINE = 64 << 10
HEAD = 16 << 20
TAIL = 256 << 10
_SEPARATOR = b"\x1e"
_OPEN_TO_ALL = frozenset({"progress", "metric", "note", "warning"})


class Sink(Protocol):
    def write(self, data: bytes) -> None: ...

    def finish(self) -> None: ...


class CappedSink:
    """Passes on the first `head` bytes and the last `tail`, and says how much lies between."""

    def __init__(self, write: Callable[[bytes], object], head: int = HEAD, tail: int = TAIL) -> None:
        self._write = write
        self._left = head
        self._head = head
        self._tail_size = tail
        self._tail: deque[bytes] = deque()
        self._kept = 0
        self._dropped = 0

    def write(self, data: bytes) -> None:
        if self._left > 0:
            self._left -= len(data)
            self._write(data)
            if self._left <= 0:
                self._write(f"… log capped: only its first {self._head >> 20} MB and its end are kept …\n".encode())
            return
        self._tail.append(data)
        self._kept += len(data)
        while self._kept - len(self._tail[0]) >= self._tail_size:
            gone = len(self._tail.popleft())
            self._kept -= gone
            self._dropped += gone

    def finish(self) -> None:
        if self._dropped:
            self._write(f"… {self._dropped / 1e6:,.1f} MB of output left out here …\n".encode())
        for data in self._tail:
            self._write(data)
        self._tail.clear()


class RotatingFile:
    """A log file that is moved to `.1`, `.2`, … when it has grown to `size` bytes."""

    def __init__(self, path: Path, size: int = 10 << 20, keep: int = 3) -> None:
        self._path = path
        self._size = size
        self._keep = keep
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        if self._stream.tell() >= self._size:
            self._rotate()

    def _rotate(self) -> None:
        self._stream.close()
        for number in range(self._keep - 1, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._stream = self._path.open("ab", buffering=0)

    def finish(self) -> None:
        """Nothing is buffered; what is said last may still come."""


class OutputFilter:
    """Bytes as they come → whole lines to `sink`, with secrets masked and events taken out.

    Whatever runs may send progress, metrics, notes and warnings in its own output; a line that claims to be a result
    or an error is shown as the plain text that it is.
    """

    def __init__(
        self,
        sink: Sink,
        redact: Callable[[bytes], bytes] = bytes,
        on_event: Callable[[Mapping[str, Any]], None] = lambda event: None,
        overlap: int = 0,
    ) -> None:
        self._sink = sink
        self._redact = redact
        self._on_event = on_event
        self._overlap = overlap
        self._rest = b""
        self.tail: deque[str] = deque(maxlen=40)

    def feed(self, chunk: bytes) -> None:
        data = self._rest + chunk if self._rest else chunk
        if b"\r" in data:
            data = _as_shown(data)
        cut = data.rfind(b"\n") + 1
        self._rest = data[cut:]
        if cut:
            self._pass(data[:cut])
        if len(self._rest) > LONGEST_LINE:
            masked = self._redact(self._rest)  # a secret may lie across the cut: its length is held back
            end = len(masked) - self._overlap
            self._rest = masked[end:]
            self._pass(masked[:end] + b"\n")

    def finish(self) -> None:
        if self._rest:
            self._pass(self._rest + b"\n")
            self._rest = b""
        self._sink.finish()

    def _pass(self, lines: bytes) -> None:
        lines = self._redact(lines)
        if _SEPARATOR in lines:
            lines = self._take_events(lines)
        if lines:
            self._sink.write(lines)
            for line in lines[-8192:].splitlines()[-40:]:
                self.tail.append(line.decode(errors="replace")[:2000])

    def _take_events(self, lines: bytes) -> bytes:
        plain = []
        for line in lines.splitlines(keepends=True):
            event = decode_event(line.decode(errors="replace").rstrip("\n")) if line.startswith(_SEPARATOR) else None
            if event is not None and event.get("event") in _OPEN_TO_ALL:
                self._on_event(event)
            else:
                plain.append(line.replace(_SEPARATOR, b""))
        return b"".join(plain)


def _as_shown(data: bytes) -> bytes:
    """What a terminal shows last of lines that were drawn over (progress bars); a `\\r` at the end stays."""
    return b"\n".join(line[line.rfind(b"\r", 0, max(len(line) - 1, 0)) + 1 :] for line in data.split(b"\n"))


def write_all(fd: int) -> Callable[[bytes], None]:
    """A writer to a file descriptor that writes everything it is given."""

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    return write
