"""Starting a runtime process for a task: forked by the zygote, or, where there is none, started afresh."""

import array
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

from modelyard.targets.launched import Launched, readable
from modelyard.targets.local.environment import child_environment
from modelyard.targets.local.zygote import LARGEST_REQUEST

_READY_WITHIN = 20.0


class ForkedTask:
    def __init__(self, output: int, status: socket.socket) -> None:
        self.output = output
        self._status = status
        self._code: int | None = None

    def exit_code(self, wait: float) -> int | None:
        if self._code is None and readable(self._status.fileno(), wait):
            try:
                data = self._status.recv(16)
            except OSError:
                data = b""
            self._code = int(data) if data else -signal.SIGKILL  # the zygote went, and its tasks with it
        return self._code

    def signal(self, signum: int) -> None:
        with suppress(OSError):
            self._status.send(str(signum).encode())

    def close(self) -> None:
        self._status.close()


class SpawnedTask:
    def __init__(self, document: str, environment: Mapping[str, str]) -> None:
        self.output, writer = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "modelyard.runtime", document],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
            )
        finally:
            os.close(writer)

    def exit_code(self, wait: float) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(wait)
        return None

    def signal(self, signum: int) -> None:
        self._process.send_signal(signum)

    def close(self) -> None:
        """Nothing is held."""


class Launcher:
    """Starts tasks. The zygote is started with the first, or by `warm_up`, and ends with `close` or with us."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._usable = hasattr(os, "fork") and hasattr(socket, "SCM_RIGHTS")

    def warm_up(self) -> None:
        """Start the zygote without waiting for it."""
        with self._lock:
            if self._usable and self._process is None:
                self._start()

    def launch(self, document: str, environment: Mapping[str, str], fresh: bool) -> Launched:
        """Start the runtime on a document; `fresh` asks for an interpreter of its own."""
        with self._lock:
            if self._usable and (forked := self._fork(document, environment, fresh)):
                return forked
        return SpawnedTask(document, environment)

    def _start(self) -> None:
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:  # macOS has no such sockets
            self._usable = False
            return
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "modelyard.targets.local.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # the terminal's Ctrl-C is ours to pass on
                env=child_environment(PYTHONHASHSEED="0"),
            )
        ours.settimeout(_READY_WITHIN)
        self._control = ours
        self._ready = False

    def _fork(self, document: str, environment: Mapping[str, str], fresh: bool) -> ForkedTask | None:
        request = json.dumps({"document": document, "environment": dict(environment), "fresh": fresh}).encode()
        if self._process is None:
            self._start()
        if self._control is None or len(request) > LARGEST_REQUEST:
            return None
        output, output_end = os.pipe()
        status, status_end = socket.socketpair()
        try:
            if not self._ready:
                self._ready = self._control.recv(16) == b"ready"
            fds = array.array("i", [output_end, status_end.fileno()])
            self._control.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        except OSError:  # the zygote has gone, or never came: without it, then
            self._usable = False
            os.close(output)
            status.close()
            return None
        finally:
            os.close(output_end)
            status_end.close()
        return ForkedTask(output, status)

    def close(self) -> None:
        with self._lock:
            if self._control:
                self._control.close()
            if self._process:
                try:
                    self._process.wait(20)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            self._control = self._process = None
