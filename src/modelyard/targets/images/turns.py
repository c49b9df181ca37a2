"""One build at a time on this machine.

Engine 20.10 may panic where two builds share steps (moby/moby#42414, «failed to get edge»), and takes all down with it.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from modelyard.targets.base import OnEvent

_TICK = 0.5


@contextmanager
def take_turn(on_event: OnEvent, cancel: threading.Event) -> Iterator[None]:
    """Wait until no other command of this user builds, or until `cancel`. The lock of a killed one is free at once."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelyard"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "build.lock", thread_local=False)
    while not cancel.is_set():
        try:
            lock.acquire(timeout=_TICK)
        except Timeout:
            on_event({"event": "progress", "done": 0, "total": 0, "text": "waiting for another build to end"})
        else:
            break
    try:
        yield
    finally:
        lock.release()
