"""Process hygiene: nothing that we start outlives what it was started for, and nothing foreign is ever signalled.

Linux gives the tools (parent-death signal, child subreaper, /proc); elsewhere psutil stands in, with what it can do.
"""

import errno
import os
import signal
import sys
import time
from collections.abc import Container
from contextlib import suppress
from functools import cache
from pathlib import Path

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@cache
def _libc() -> object:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if LINUX:
        _libc().prctl(option, value, 0, 0, 0)  # type: ignore[attr-defined]


def die_with_parent(signum: int = signal.SIGKILL) -> None:
    """Have the kernel send us `signum` when the thread that started us ends."""
    _prctl(_PR_SET_PDEATHSIG, signum)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, whatever session it has moved to."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants(root: int) -> list[int]:
    """Process ids below `root`, parents before children."""
    below: dict[int, list[int]] = {}
    for pid, parent in parents():
        below.setdefault(parent, []).append(pid)
    found = list(below.get(root, ()))
    for pid in found:
        found.extend(below.get(pid, ()))
    return found


def parents() -> list[tuple[int, int]]:
    """Every process that runs, with its parent."""
    if not LINUX:
        import psutil

        return [(p.pid, p.info["ppid"]) for p in psutil.process_iter(["ppid"])]
    pairs = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - a hot path: names are enough
        if name.isdigit() and (stat := _stat(int(name))):
            pairs.append((int(name), int(stat[1])))
    return pairs


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on: state, parent, … (the name before may hold spaces)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def signal_tree(root: int, signum: int) -> int:
    """Send `signum` to everything below `root` (not to `root`); how many were there."""
    found = descendants(root)
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signum)
    return len(found)


def kill_descendants(attempts: int = 200) -> None:
    """SIGKILL and reap everything below this process, until nothing is left (needs `adopt_orphans`)."""
    for _ in range(attempts):
        if not reap():
            return
        signal_tree(os.getpid(), signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def end_strangers(known: Container[int]) -> None:
    """SIGKILL and reap the children that we did not start: what a killed child of ours has left to us."""
    for _ in range(50):
        mine = [pid for pid, parent in parents() if parent == os.getpid() and pid not in known]
        if not mine:
            return
        for pid in mine:
            signal_tree(pid, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        for pid in mine:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def reap() -> bool:
    """Collect every child that has ended; whether any child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def identity(pid: int) -> str | None:
    """A word that this process alone has, even after its id is used again; None where it does not run."""
    if LINUX:
        stat = _stat(pid)
        if stat is None or stat[0] in "ZX":
            return None
        return f"{_boot()}:{stat[19]}"
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return None


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "boot"


def is_running(pid: int, known_as: str) -> bool:
    """Whether the process that was `known_as` still runs, and not another one under its id."""
    return identity(pid) == known_as


def signal_known(pid: int, known_as: str, signum: int) -> bool:
    """Signal a process only if it is still the one that was `known_as`; whether it was."""
    if not is_running(pid, known_as):
        return False
    try:
        os.kill(pid, signum)
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.EPERM):
            raise
        return False
    return True


def out_of_memory_kills() -> int:
    """How many processes the kernel has killed for want of memory, on this machine since it started."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
