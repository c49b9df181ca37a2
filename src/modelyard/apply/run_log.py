"""What a run in a cluster writes: a line for people wherever something happens, and each event for who follows it."""

import threading
import time
from typing import TextIO

from modelyard.apply.event_lines import event_line
from modelyard.apply.events import (
    ApplyEvent,
    ApplyFinished,
    LockWaiting,
    NodeEvent,
    NodeFinished,
    NodeRetry,
    NodeStarted,
)

_BETWEEN = 1.0
"""Seconds between two lines of progress of one address: a log is kept, and bars are drawn from it."""


class RunLog:
    """Takes apply's events."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._turn = threading.Lock()
        self._told: dict[str, float] = {}

    def __call__(self, event: ApplyEvent) -> None:
        if self._is_too_soon(event):
            return
        if words := _words(event):
            self.say(words)
        self.say(event_line(event))

    def say(self, line: str) -> None:
        with self._turn:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def _is_too_soon(self, event: ApplyEvent) -> bool:
        if not isinstance(event, NodeEvent) or event.event.get("event") != "progress":
            return False
        now = time.monotonic()
        if now - self._told.get(event.address, float("-inf")) < _BETWEEN:
            return True
        self._told[event.address] = now
        return False


def _words(event: ApplyEvent) -> str:
    words = ""
    match event:
        case LockWaiting(holder=holder):
            words = f"waiting: the state is held by {holder}"
        case NodeStarted():
            words = f"… {event.address}"
        case NodeEvent() if event.event.get("event") in {"note", "warning"}:
            words = f"  {event.address}: {event.event.get('text', '')}"
        case NodeRetry():
            words = f"  {event.address}: attempt {event.attempt} failed ({event.reason}); again in {event.wait:.0f} s"
        case NodeFinished(report=report):
            said = report.reason if report.outcome == "failed" else report.summary or report.cause
            words = f"{report.sign} {report.address} {said}".rstrip()
        case ApplyFinished(report=report):
            counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.counts().items()))
            words = f"{'done' if report.ok else 'not done'}: {counts}"
    return words
