"""One attempt at a task, watched to its end: what every executor does, whatever it runs the task in."""

import errno
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modelyard.errors import ModelyardError
from modelyard.targets.base import OnEvent, Outcome
from modelyard.targets.launched import Launched, readable
from modelyard.targets.task_log import TaskLog
from modelyard.task import TaskDocument, TaskResult, decode_event

_TICK = 0.1
_BEYOND_GRACE = 4.0
_CHUNK = 256 << 10
NOT_STARTED = Outcome("cancelled", reason="cancelled before it started")


@dataclass(frozen=True)
class Attempt:
    task: TaskDocument
    timeout: float | None
    log: Path
    on_event: OnEvent
    cancel: threading.Event


class Watch:
    """Reads what a process says until it has ended, and ends it when it must."""

    def __init__(self, process: Launched, log: TaskLog, on_event: OnEvent, grace: float) -> None:
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
            if code is not None and open_end and not readable(self._process.output, 1.0):
                break  # it has ended, and a process that is not ours holds its pipe
        return code if code is not None else -signal.SIGKILL

    def _read(self, wait: float) -> bool:
        if not readable(self._process.output, wait):
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


def failed(error: ModelyardError) -> Outcome:
    """Of an attempt that comes to nothing for what a target says of it."""
    status: Literal["cancelled", "failed"] = "cancelled" if error.code == "cancelled" else "failed"
    return Outcome(status, reason=error.what, fix=error.fix or "", code=error.code, tail=error.details)


def cannot_start(error: OSError) -> Outcome:
    full = error.errno == errno.ENOSPC
    fix = "free some space and apply again: it goes on from here" if full else ""
    word = "disk-full" if full else "cannot-start"
    return Outcome("failed", reason=f"it cannot be started: {error}", fix=fix, code=word)


def _must_end(now: float, deadline: float | None, cancel: threading.Event) -> str | None:
    if cancel.is_set():
        return "cancelled"
    return "timeout" if deadline is not None and now >= deadline else None


def write_document(task: TaskDocument) -> Path:
    path = Path(task.result).with_name("node.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        Path(task.result).unlink()  # of an attempt whose end nobody saw
    path.write_text(json.dumps(task.to_json(), default=dict))
    return path


def outcome_of(attempt: Attempt, code: int, watch: Watch, tail: tuple[str, ...]) -> Outcome:
    result = _result(attempt.task, watch.last)
    if result is not None:  # the work is done and kept, whatever became of the process afterwards
        shutil.rmtree(attempt.task.workdir, ignore_errors=True)
        return Outcome("ok", result, 0, tail=tail)
    if watch.why_ended == "timeout":
        return Outcome("timeout", None, code, f"it ran past its timeout of {attempt.timeout:g} s", tail)
    if watch.why_ended == "cancelled":
        return Outcome("cancelled", None, code, "cancelled", tail)
    word = str(watch.last.get("code") or "killed")
    status: Literal["failed", "out-of-memory"] = "out-of-memory" if word == "out-of-memory" else "failed"
    return Outcome(status, None, code, _reason(watch.last, code, tail), tail, str(watch.last.get("fix") or ""), word)


def _result(task: TaskDocument, last: Mapping[str, Any]) -> TaskResult | None:
    if last.get("event") == "result":
        return TaskResult.from_json(last["result"])
    try:
        return TaskResult.from_json(json.loads(Path(task.result).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _reason(last: Mapping[str, Any], code: int, tail: tuple[str, ...]) -> str:
    """What the task said; and where it is a program's bare exit code, the last line that the program wrote."""
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    what = str(last.get("what") or f"its process {how}")
    words = next((line.strip() for line in reversed(tail) if line.strip()), "")
    return f"{what}: {words[:300]}" if words and last.get("code") in (None, "command-failed", "killed") else what
