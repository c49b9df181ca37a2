"""Ending a process that may not be our child, and never one that only has its id."""

import signal
import time

from modelyard import processes

BEYOND_GRACE = 3.0
_TICK = 0.02


def end_process(pid: int, known_as: str, grace: float) -> None:
    """SIGTERM, and SIGKILL to it and all below it when the grace is over. Returns when it is gone."""
    deadline = time.monotonic() + grace + BEYOND_GRACE
    processes.signal_known(pid, known_as, signal.SIGTERM)
    while processes.is_running(pid, known_as):
        if time.monotonic() > deadline:
            kill_process(pid, known_as)
        time.sleep(_TICK)


def kill_process(pid: int, known_as: str) -> None:
    if processes.is_running(pid, known_as):
        processes.signal_tree(pid, signal.SIGKILL)
        processes.signal_known(pid, known_as, signal.SIGKILL)
