"""A warm process that forks a task's process whenever it is asked: two milliseconds in place of seventy.

It hears requests on a socket, hands each child its pipe, and tells on the task's own socket how the child ended. When
whoever asked goes away, however suddenly, the socket closes, and everything that runs below is ended. One child is
forked ahead, while nobody waits for it: a tenth of what a small step costs.
"""

import array
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from modelyard import processes

LARGEST_REQUEST = 96 << 10
_PATIENCE = 15.0


class Zygote:
    """One loop over the control socket, the children's ends, and the tasks' own sockets."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._sockets: dict[int, socket.socket] = {}
        self._spare: tuple[int, socket.socket] | None = None
        self._wake, self._waker = os.pipe()
        for fd in (self._wake, self._waker):
            os.set_blocking(fd, False)

    def serve(self) -> None:
        """Until the asking side goes away."""
        processes.adopt_orphans()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        try:
            self._control.send(b"ready")
            while self._turn():
                self._spare = self._spare or self._breed()
        except (SystemExit, ConnectionError):  # told to go, or whoever started us went without asking for anything
            pass
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._end_all()

    def _turn(self) -> bool:
        watched = {self._control.fileno(): 0, self._wake: 0, **{s.fileno(): pid for pid, s in self._sockets.items()}}
        poll = select.poll()
        for fd in watched:
            poll.register(fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll()]
        if self._wake in ready:
            with suppress(BlockingIOError):
                os.read(self._wake, 4096)
        self._collect()
        for fd in ready:
            if (pid := watched[fd]) and pid in self._sockets:
                self._hear(pid)
        if self._control.fileno() in ready:
            return self._accept()
        return True

    def _accept(self) -> bool:
        data, fds = _receive(self._control)
        if not data:
            return False
        output, status = fds
        self._sockets[self._hand_over(data, output)] = socket.socket(fileno=status)
        os.close(output)
        return True

    def _hand_over(self, data: bytes, output: int) -> int:
        """The id of the child that takes the request."""
        while True:
            pid, ours = self._spare or self._breed()
            self._spare = None
            with ours, suppress(OSError):  # the one ahead may have been killed meanwhile: the next one, then
                ours.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [output]))])
                return pid

    def _breed(self) -> tuple[int, socket.socket]:
        """A child that waits for its task, and the socket to hand it over."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            for other in (self._control, ours, *self._sockets.values()):
                other.close()
            for fd in (self._wake, self._waker):
                os.close(fd)
            _become_task(theirs)
        theirs.close()
        return pid, ours

    def _hear(self, pid: int) -> None:
        """A signal's number for a task, or the end of whoever waited for it."""
        try:
            data = self._sockets[pid].recv(16)
        except OSError:
            data = b""
        signum = int(data) if data else signal.SIGTERM
        if not data:
            self._sockets.pop(pid).close()
        with suppress(ProcessLookupError):
            os.kill(pid, signum)

    def _collect(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                code = os.waitstatus_to_exitcode(status)
                if pid in self._sockets:
                    waiting = self._sockets.pop(pid)
                    if code < 0:
                        processes.end_strangers({*self._sockets, *(self._spare or ())[:1]})
                    with suppress(OSError):
                        waiting.send(str(code).encode())
                    waiting.close()

    def _end_all(self) -> None:
        """Ask the tasks to end, as their own grace allows; then end whatever is left."""
        if self._spare:
            self._spare[1].close()
        for pid in self._sockets:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        while processes.reap() and time.monotonic() < deadline:
            time.sleep(0.02)
        processes.kill_descendants()


def _leave(*_: object) -> None:
    sys.exit(0)


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    fds = array.array("i")
    try:
        data, ancillary, _, _ = control.recvmsg(LARGEST_REQUEST, socket.CMSG_LEN(2 * fds.itemsize))
    except ConnectionError:
        return b"", []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return data, list(fds)


def _become_task(asked: socket.socket) -> NoReturn:
    """The forked child's whole life; the end of `asked` before a task has come is the end of it."""
    code = 70
    try:
        parent = os.getppid()
        signal.set_wakeup_fd(-1)
        for signum in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_DFL)
        processes.die_with_parent(signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        with asked:
            data, fds = _receive(asked)
        if not data:
            os._exit(0)
        request, output = json.loads(data), fds[0]
        os.dup2(output, 1)
        os.dup2(output, 2)
        if output > 2:
            os.close(output)
        _take_environment(request["environment"])
        code = _run(request)
    finally:
        os._exit(code)


def _take_environment(wanted: Mapping[str, str]) -> None:
    """Only what differs is touched: every change is a system library's call, and a page of memory copied."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _run(request: Mapping[str, Any]) -> int:
    if request["fresh"]:
        os.execv(sys.executable, [sys.executable, "-m", "modelyard.runtime", request["document"]])  # noqa: S606
    from modelyard.runtime.__main__ import main

    return main([request["document"]])


def _warm_up() -> None:
    """Import what every light step needs, once, before the first fork."""
    import ctypes
    import importlib.metadata
    import inspect
    import platform
    import subprocess
    import typing

    import modelyard.runtime.__main__
    import modelyard.runtime.running
    import modelyard.steps.command
    import modelyard.steps.function
    import modelyard.store

    processes.die_with_parent(0)  # loads libc, and changes nothing
    platform.python_version()
    _ = (ctypes, importlib, inspect, subprocess, typing, modelyard)
    gc.collect()
    gc.freeze()


def main(arguments: Sequence[str]) -> None:
    control = socket.socket(fileno=int(arguments[0]))
    _warm_up()
    Zygote(control).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
