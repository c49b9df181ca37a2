"""A task's memory, held to what it asked for where no container does it.

Address space limits (`RLIMIT_AS`) are no use: torch and CUDA reserve far more than they touch. So the processes are
looked at, ten times a second, and ended when together they hold more than is allowed. What several of them share
(the pages of a fork, of `multiprocessing`'s workers) counts once: a look that is over by the cheap sum is done again by
proportional shares, which the kernel takes longer to tell.
"""

import os
import time
from pathlib import Path

from modelyard import processes

LOOK_EVERY = 0.1
_LIST_EVERY = 0.5
_MIB = 1 << 20


class MemoryWatch:
    """Everything below this process, against `limit` bytes. Needs Linux's /proc; elsewhere it sees nothing."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._page = os.sysconf("SC_PAGE_SIZE") if processes.LINUX else 0
        self._pids: list[int] = []
        self._listed_at = self._looked_at = float("-inf")

    def excess(self) -> int | None:
        """The bytes in use, where they are too many. Looks at most every `LOOK_EVERY` seconds."""
        now = time.monotonic()
        if not self._page or now - self._looked_at < LOOK_EVERY:
            return None
        self._looked_at = now
        if now - self._listed_at >= _LIST_EVERY:
            self._pids, self._listed_at = processes.descendants(os.getpid()), now
        if sum(map(self._resident, self._pids)) <= self.limit:
            return None
        used = sum(map(self._share, self._pids))
        return used if used > self.limit else None

    def _resident(self, pid: int) -> int:
        try:
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * self._page
        except (OSError, IndexError):  # it has ended
            return 0

    def _share(self, pid: int) -> int:
        """Resident bytes, those shared by n processes counting an nth."""
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) << 10
        except OSError:
            pass
        return self._resident(pid)

    def words(self, used: int) -> str:
        allowed = f"{self.limit / _MIB:,.0f} MiB"
        return f"it used {used / _MIB:,.0f} MiB of memory, and `resources.memory` allows {allowed}"
