"""The hooks of a target whose processes are this machine's too, seen and ended by their arguments."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from contract.target_contract import TargetContract
from watching import with_marker


class OnThisMachine(TargetContract):
    def is_running(self, marker: str) -> bool:
        return bool(with_marker(marker))

    def kill(self, marker: str) -> None:
        for process in with_marker(marker):
            os.kill(process.pid, signal.SIGKILL)

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    @contextmanager
    def bystander(self) -> Iterator[str]:
        marker = uuid4().hex
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", marker]) as process:
            yield marker
            process.kill()
