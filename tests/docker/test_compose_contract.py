"""The Compose target holds what every target holds, on a real engine."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from conftest import BASE
from contract.target_contract import WORK, TargetContract
from modelyard.digests import digest_bytes
from modelyard.graph.model import CodeFile, Graph, Node
from modelyard.targets.compose.target import ComposeTarget

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


class TestComposeTarget(TargetContract):
    def open(self, root: Path) -> ComposeTarget:
        code = (CodeFile("work.py", digest_bytes(WORK.read_bytes())),)
        nodes = {"steps.work": Node("steps.work", "command", config={"run": ["python", "work.py"]}, code=code)}
        return ComposeTarget(Graph("contract", nodes), root, {"base": BASE})

    def is_running(self, marker: str) -> bool:
        return bool(_processes(marker))

    def kill(self, marker: str) -> None:
        for process in _processes(marker):
            process.kill()

    @contextmanager
    def _container_of_another(self) -> Iterator[str]:
        marker = uuid4().hex
        argv = ["docker", "run", "--detach", "--rm", "--label", "com.docker.compose.project=other", BASE]
        program = f"import time; marker = {marker!r}; time.sleep(600)"
        done = subprocess.run([*argv, "python3", "-c", program], capture_output=True, text=True, check=True)
        try:
            yield marker
        finally:
            subprocess.run(["docker", "rm", "--force", done.stdout.strip()], capture_output=True, check=False)

    def bystander(self) -> AbstractContextManager[str]:
        return self._container_of_another()

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])


def _processes(marker: str) -> list[psutil.Process]:
    """Processes of containers are processes of this machine; the engine's own, which start them, do not count."""
    found = []
    for process in psutil.process_iter(["cmdline", "name", "status"]):
        said = any(marker in word for word in process.info["cmdline"] or ())
        own = process.info["name"] not in ("docker", "runc", "containerd-shim", "containerd-shim-runc-v2")
        if said and own and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
