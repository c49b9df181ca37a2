"""One supervisor a project: found, started, replaced. It outlives the CLI that started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from modelyard import processes
from modelyard.about import own_version
from modelyard.errors import ModelyardError
from modelyard.targets.local.environment import child_environment
from modelyard.targets.local.service_files import ServiceFolder, read_json, write_json

_STARTED_WITHIN = 15.0


def pid_file(root: Path) -> Path:
    return ServiceFolder(root).run / ".supervisor"


def supervisor_pid(root: Path) -> int | None:
    """The supervisor that runs for a project, or None."""
    known = read_json(pid_file(root)) or {}
    if known and processes.is_running(known["pid"], known["known_as"]):
        return int(known["pid"])
    return None


def sign_in(root: Path) -> None:
    """The supervisor's own note of itself."""
    pid = os.getpid()
    write_json(pid_file(root), {"pid": pid, "known_as": processes.identity(pid), "version": own_version()})


def ensure_supervisor(root: Path, secrets: Collection[str]) -> bool:
    """Have a supervisor run that knows these secrets as we do; whether one that knew them otherwise was replaced.

    A supervisor is replaced by killing it: services go on, and the next one finds them again.
    """
    known = read_json(pid_file(root)) or {}
    pid = supervisor_pid(root)
    changed = False
    if pid is not None:
        changed = _knows_otherwise(pid, secrets)
        if changed or known.get("version") != own_version():
            processes.signal_known(pid, known["known_as"], signal.SIGKILL)
            pid = None
    if pid is None:
        _start(root)
    return changed


def _knows_otherwise(pid: int, secrets: Collection[str]) -> bool:
    if not secrets:
        return False
    import psutil

    with suppress(psutil.Error):
        environment = psutil.Process(pid).environ()
        return any(environment.get(name) != os.environ.get(name) for name in secrets)
    return False


def _start(root: Path) -> None:
    log = root / ".modelyard" / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelyard.targets.local.supervisor", str(root)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=child_environment(),
        )
    deadline = time.monotonic() + _STARTED_WITHIN
    while supervisor_pid(root) is None:
        if process.poll() not in (None, 0) or time.monotonic() > deadline:
            raise ModelyardError(
                "the supervisor of local services did not start", fix=f"see {log}", code="supervisor-failed"
            )
        time.sleep(0.02)
    process.wait()
