"""Tasks as child processes of this machine."""

import json
import os
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.graph.model import Resources
from modelyard.logs import write_all
from modelyard.targets.base import Capacity, OnEvent, Outcome
from modelyard.targets.local.environment import child_environment
from modelyard.targets.local.launch import Launched, Launcher
from modelyard.targets.local.slots import GpuSlots, gpu_names, machine
from modelyard.task import TaskDocument, TaskResult, decode_event

FRESH = frozenset({"train", "tune"})
"""Kinds that load libraries which expect an interpreter of their own; all others are forked from a warm one."""
_TICK = 0.1
_BEYOND_GRACE = 4.0
_CHUNK = 256 << 10


class LocalExecutor:
    """`grace` is what a task gets between being asked to end and being ended, in seconds."""

    def __init__(self, grace: float = 5.0) -> None:
        self._grace = grace
        self._launcher = Launcher()
        self._gpus = GpuSlots(gpu_names())

    def warm_up(self) -> None:
        """Start what makes tasks start fast; without waiting for it."""
        self._launcher.warm_up()

    def capacity(self) -> Capacity:
        return machine()

    def close(self) -> None:
        self._launcher.close()

    def run(
        self, task: TaskDocument, resources: Resources, timeout: float | None, log: Path,
        on_event: OnEvent, cancel: threading.Event,
    ) -> Outcome:  # fmt: skip
        """See `modelyard.targets.base.Executor`."""
        if resources.gpu > self._gpus.total:
            reason = f"it asks for {resources.gpu} GPUs, and this machine has {self._gpus.total}"
            return Outcome("failed", reason=reason)
        with self._gpus.lend(resources.gpu, cancel) as gpus:
            if cancel.is_set():
                return Outcome("cancelled", reason="cancelled before it started")
            return self._attempt(task, gpus, timeout, log, on_event, cancel)

    def _attempt(
        self, task: TaskDocument, gpus: list[str], timeout: float | None, log: Path,
        on_event: OnEvent, cancel: threading.Event,
    ) -> Outcome:  # fmt: skip
        document = _write_document(task)
        environment = child_environment(MODELYARD_GRACE=str(self._grace))
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        process = self._launcher.launch(str(document), environment, task.node["kind"] in FRESH)
        try:
            with _Log(log, task.attempt) as written:
                watch = _Watch(process, written, on_event, self._grace)
                ended = watch.until_the_end(timeout, cancel)
        finally:
            os.close(process.output)
            process.close()
        return _outcome(task, ended, watch, written.tail(), timeout)


class _Watch:
    """Reads what a process says until it has ended, and ends it when it must."""

    def __init__(self, process: Launched, log: "_Log", on_event: OnEvent, grace: float) -> None:
        self._process = process
        self._log = log
        self._on_event = on_event
        self._grace = grace
        self.why_ended: str | None = None
        self.last: Mapping[str, Any] = {}

    def until_the_end(self, timeout: float | None, cancel: threading.Event) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        kill_at: float | None = None
        open_end = True
        code: int | None = None
        while open_end or code is None:
            now = time.monotonic()
            if self.why_ended is None and (why := _must_end(now, deadline, cancel)):
                self.why_ended = why
                self._process.signal(signal.SIGTERM)
                kill_at = now + self._grace + _BEYOND_GRACE
            if kill_at is not None and now >= kill_at:
                self._process.signal(signal.SIGKILL)
                kill_at = now + _BEYOND_GRACE
            if open_end:
                open_end = self._read(_TICK)
            code = self._process.exit_code(0 if open_end else _TICK) if code is None else code
            if code is not None and open_end and not select.select([self._process.output], [], [], 1.0)[0]:
                break  # it has ended, and a process that is not ours holds its pipe
        return code if code is not None else -signal.SIGKILL

    def _read(self, wait: float) -> bool:
        if not select.select([self._process.output], [], [], wait)[0]:
            return True
        data = os.read(self._process.output, _CHUNK)
        for line in self._log.take(data):
            self._hear(line)
        return bool(data)

    def _hear(self, line: str) -> None:
        event = decode_event(line)
        if event is None:
            return
        if event.get("event") in ("result", "error"):
            self.last = event
        else:
            self._on_event(event)


class _Log:
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

    def __enter__(self) -> "_Log":
        return self

    def __exit__(self, *_: object) -> None:
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


def _must_end(now: float, deadline: float | None, cancel: threading.Event) -> str | None:
    if cancel.is_set():
        return "cancelled"
    return "timeout" if deadline is not None and now >= deadline else None


def _write_document(task: TaskDocument) -> Path:
    path = Path(task.result).with_name("node.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        Path(task.result).unlink()  # of an attempt whose end nobody saw
    path.write_text(json.dumps(task.to_json(), default=dict))
    return path


def _outcome(task: TaskDocument, code: int, watch: _Watch, tail: tuple[str, ...], timeout: float | None) -> Outcome:
    result = _result(task, watch.last)
    if result is not None:  # the work is done and kept, whatever became of the process afterwards
        return Outcome("ok", result, 0, tail=tail)
    if watch.why_ended == "timeout":
        return Outcome("timeout", None, code, f"it ran past its timeout of {timeout:g} s", tail)
    if watch.why_ended == "cancelled":
        return Outcome("cancelled", None, code, "cancelled", tail)
    reason = str(watch.last.get("what") or _last_words(code, tail))
    if watch.last.get("code") == "out-of-memory":
        return Outcome("out-of-memory", None, code, reason, tail)
    return Outcome("failed", None, code, _with_fix(reason, watch.last, tail), tail)


def _result(task: TaskDocument, last: Mapping[str, Any]) -> TaskResult | None:
    if last.get("event") == "result":
        return TaskResult.from_json(last["result"])
    try:
        return TaskResult.from_json(json.loads(Path(task.result).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _with_fix(reason: str, last: Mapping[str, Any], tail: tuple[str, ...]) -> str:
    if last.get("code") == "command-failed" and tail:
        return f"{reason}: {tail[-1].strip()[:300]}"
    return f"{reason} ({last['fix']})" if last.get("fix") else reason


def _last_words(code: int, tail: tuple[str, ...]) -> str:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"its process {how}{f': {tail[-1][:300]}' if tail else ''}"
