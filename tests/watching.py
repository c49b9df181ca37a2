"""Waiting for what happens in other processes, and finding them."""

import time
from collections.abc import Callable

import psutil


def with_marker(marker: str) -> list[psutil.Process]:
    """Processes that have `marker` among their arguments and still run."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE and marker in (process.info["cmdline"] or ()):
            found.append(process)
    return found


def eventually(holds: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.05)
