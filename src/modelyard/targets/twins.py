"""Nodes that are equal in all that counts have one fingerprint and one working folder: their work is done once."""

import threading
from collections.abc import Callable

from modelyard.targets.attempt import NOT_STARTED
from modelyard.targets.base import Outcome

_TICK = 0.2


class Twins:
    """Who comes while the same work is under way waits for it, and takes its result if it went well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, _Work] = {}

    def once(self, workdir: str, work: Callable[[], Outcome], cancel: threading.Event) -> Outcome:
        while True:
            with self._lock:
                first = self._running.get(workdir)
                if first is None:
                    mine = self._running[workdir] = _Work()
                    break
            while not first.over.wait(_TICK):
                if cancel.is_set():
                    return NOT_STARTED
            if first.outcome is not None and first.outcome.status == "ok":
                return first.outcome
        try:
            mine.outcome = work()
            return mine.outcome
        finally:
            with self._lock:
                del self._running[workdir]
            mine.over.set()


class _Work:
    def __init__(self) -> None:
        self.over = threading.Event()
        self.outcome: Outcome | None = None
