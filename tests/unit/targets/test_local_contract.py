"""The local target keeps the contract of all targets."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from contract.target_contract import TargetContract
from modelyard.graph.model import Graph
from modelyard.targets import open_target
from modelyard.targets.base import Target
from watching import with_marker


class TestLocalTarget(TargetContract):
    def open(self, root: Path) -> Target:
        return open_target(Graph("contract", {}, target={"local": {"grace": 1.0}}), root)

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
