"""`python -m modelyard.targets.local.supervisor ROOT`: makes what runs equal to what is wanted, over and over.

It holds no state that it could not read again: killed at any moment, the next one finds the services as they run.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from modelyard import processes
from modelyard.targets.local.daemon import sign_in
from modelyard.targets.local.service_files import ServiceFolder, Wanted
from modelyard.targets.local.supervised import Supervised

_TICK = 0.1
_IDLE_BEFORE_LEAVING = 3.0


class Supervisor:
    """All services of a project, one turn at a time."""

    def __init__(self, root: Path) -> None:
        self._folder = ServiceFolder(root)
        self._services: dict[str, Supervised] = {}
        self._wanted: dict[str, Wanted] = {}
        self._seen: int | None = None
        self.leaving = False

    def adopt(self) -> None:
        """Take over what an earlier supervisor left running."""
        for stem, running in self._folder.running().items():
            self._services[stem] = Supervised(self._folder, stem, running)

    def turn(self) -> None:
        self._read_wanted()
        for stem in self._wanted.keys() - self._services.keys():
            self._services[stem] = Supervised(self._folder, stem)
        violent = False
        for stem, service in list(self._services.items()):
            service.turn(None if self.leaving else self._wanted.get(stem))
            violent |= service.has_just_ended
            if service.gone:
                del self._services[stem]
                if stem not in self._wanted:
                    self._folder.forget(stem)
        if violent:  # what a killed service left behind has come to us
            processes.end_strangers({pid for service in self._services.values() if (pid := service.pid)})

    @property
    def idle(self) -> bool:
        return not self._services and (self.leaving or not self._wanted)

    def _read_wanted(self) -> None:
        """Read again only when the folder has changed: files are replaced whole, and that changes it."""
        try:
            changed = self._folder.path.stat().st_mtime_ns
        except OSError:
            changed = -1
        if changed != self._seen:
            self._seen = changed
            self._wanted = self._folder.wanted()


def supervise(root: Path) -> None:
    """Until nothing is wanted for a while, or SIGTERM, which ends the services too."""
    supervisor = Supervisor(root)
    supervisor.adopt()

    def leave(*_: object) -> None:
        supervisor.leaving = True

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    busy_at = time.monotonic()
    while True:
        supervisor.turn()
        if not supervisor.idle:
            busy_at = time.monotonic()
        elif supervisor.leaving or time.monotonic() - busy_at > _IDLE_BEFORE_LEAVING:
            return
        time.sleep(_TICK)


def main(arguments: Sequence[str]) -> int:
    root = Path(arguments[0]).resolve()
    os.chdir(root)
    if os.fork():
        os._exit(0)  # the CLI's child ends at once; what goes on belongs to nobody
    processes.adopt_orphans()
    folder = ServiceFolder(root)
    folder.run.mkdir(parents=True, exist_ok=True)
    with (folder.run / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0  # another one was faster
        sign_in(root)
        supervise(root)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
