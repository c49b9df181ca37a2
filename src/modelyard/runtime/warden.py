"""The first process of a task or service: it holds the step as its child and answers for everything below it.

It masks secrets and bounds output, passes signals on, ends what does not end by itself, and leaves nothing running.
In a container it is process 1 and reaps what is orphaned.
"""

import atexit
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, TextIO

from modelyard import processes
from modelyard.logs import OutputFilter, Sink, write_all
from modelyard.runtime.memory import LOOK_EVERY, MemoryWatch
from modelyard.secrets import Redactor
from modelyard.task import decode_event, encode_event

Emit = Callable[[Mapping[str, Any]], None]
_CHUNK = 256 << 10
_LAST = ("result", "followed", "error")
_PROGRESS_EVERY = 0.05
_DRAIN = 2.0


class Terminated(BaseException):
    """SIGTERM or SIGINT came; a step lets it pass after it has saved what it needs."""


class Warden:
    """`write_event` takes an event's line; `grace` is what a step gets between SIGTERM and SIGKILL, in seconds.

    A `service` leaves no result, and ends only when it is asked to. The end of `leash` asks to end, as SIGTERM does.
    What `memory` finds too much is ended at once.
    """

    def __init__(
        self, sink: Sink, write_event: Callable[[bytes], object], redactor: Redactor, grace: float, *,
        service: bool = False, leash: int | None = None, memory: MemoryWatch | None = None,
    ) -> None:  # fmt: skip
        self._leash = leash
        self._memory = memory
        self._too_much: int | None = None
        self._write_event = write_event
        self._redact = redactor
        self._output = OutputFilter(sink, redactor, self._forward, redactor.longest)
        self._events = b""
        self._last: dict[str, Any] | None = None
        self._progress_at = 0.0
        self._grace = grace
        self._service = service
        self._stop_at: float | None = None
        self._signals: list[int] = []
        self._status: int | None = None
        self._killed = False

    def run(self, work: Callable[[Emit], int]) -> int:
        """Do `work` in a child; the exit code that says how it went."""
        processes.adopt_orphans()
        kills_before = processes.out_of_memory_kills()
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(signum, self._on_signal)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        output, output_end = os.pipe()
        events, events_end = os.pipe()
        child = os.fork()
        if child == 0:
            for fd in (wake, waker, output, events):
                os.close(fd)
            _become_step(work, output_end, events_end)
        os.close(output_end)
        os.close(events_end)
        try:
            self._watch(child, wake, output, events)
        except BrokenPipeError:  # nobody reads what we say any more
            self._killed = True
        processes.kill_descendants()
        self._drain(output, events)
        return self._conclude(kills_before)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if signum != signal.SIGCHLD:
            self._signals.append(signum)

    def _watch(self, child: int, wake: int, output: int, events: int) -> None:
        open_ends = {output, events}
        while self._status is None:
            wait = None if self._stop_at is None else max(self._stop_at - time.monotonic(), 0.01)
            if self._memory:
                wait = min(wait or LOOK_EVERY, LOOK_EVERY)
            leash = [] if self._leash is None else [self._leash]
            ready, _, _ = select.select([wake, *open_ends, *leash], [], [], wait)
            if self._leash in ready and not os.read(self._leash or 0, 4096):
                self._leash = None
                self._signals.append(signal.SIGTERM)
            if wake in ready:
                os.read(wake, 4096)
            for fd in open_ends & set(ready):
                if not self._take(fd, events):
                    open_ends.discard(fd)
            self._reap(child)
            self._pass_signals()
            self._hold_to_memory()

    def _take(self, fd: int, events: int) -> bool:
        data = os.read(fd, _CHUNK)
        if fd == events:
            *lines, self._events = (self._events + data).split(b"\n")
            for line in lines:
                if event := decode_event(line.decode(errors="replace")):
                    self._forward(event)
        elif data:
            self._output.feed(data)
        return bool(data)

    def _reap(self, child: int) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == child:
                    self._status = status

    def _pass_signals(self) -> None:
        if self._signals:
            self._signals.clear()
            if self._stop_at is None:
                self._stop_at = time.monotonic() + self._grace
                processes.signal_tree(os.getpid(), signal.SIGTERM)
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self._killed = True
            processes.signal_tree(os.getpid(), signal.SIGKILL)

    def _hold_to_memory(self) -> None:
        used = self._memory.excess() if self._memory and self._too_much is None else None
        if used is not None:
            self._too_much = used
            processes.signal_tree(os.getpid(), signal.SIGKILL)

    def _drain(self, output: int, events: int) -> None:
        """Read what is left; bounded, since a pipe's end may have been handed to a process that is not ours."""
        deadline = time.monotonic() + _DRAIN
        open_ends = {output, events}
        with suppress(BrokenPipeError):
            while open_ends and (left := deadline - time.monotonic()) > 0:
                for fd in select.select(list(open_ends), [], [], left)[0]:
                    if not self._take(fd, events):
                        open_ends.discard(fd)
            self._output.finish()

    def _forward(self, event: Mapping[str, Any]) -> None:
        kind = event.get("event")
        if kind in _LAST:
            self._last = dict(event)  # said at the very end, after all output
            return
        if kind == "progress":
            now = time.monotonic()
            if now - self._progress_at < _PROGRESS_EVERY and event.get("done") != event.get("total"):
                return
            self._progress_at = now
        self._say(event)

    def _say(self, event: Mapping[str, Any]) -> None:
        self._write_event(self._redact(encode_event(event).encode()) + b"\n")

    def _conclude(self, kills_before: int) -> int:
        code = 1 if self._status is None else os.waitstatus_to_exitcode(self._status)
        if self._service and self._stop_at is not None:
            return self._stopped()
        last = self._last
        if last is None or (code != 0 and last["event"] != "error"):
            word = "killed" if code < 0 else "step-failed"
            last = {"event": "error", "what": _how_it_ended(code), "code": word}
            if self._stop_at is not None:
                last |= {"what": "it ended, as it was asked to", "code": "cancelled"}
        if self._memory and self._too_much is not None:
            last = {"event": "error", "what": self._memory.words(self._too_much), "code": "out-of-memory"}
            last["fix"] = "allow it more, or give it less to hold at once (smaller batches, fewer columns or workers)"
            code = code or 1
        by_kernel = not self._killed and self._too_much is None and signal.SIGKILL in (-code, last.get("signal"))
        if by_kernel and processes.out_of_memory_kills() > kills_before:
            last |= {"what": "the kernel ended it because memory ran out", "code": "out-of-memory"}
            last["fix"] = "give it more memory, or less to hold at once (smaller batches, fewer columns)"
        if last["event"] == "error":
            last.setdefault("details", list(self._output.tail)[-15:])
            code = code or 1
        with suppress(BrokenPipeError):
            self._say(last)
        return code if code >= 0 else 128 - code

    def _stopped(self) -> int:
        """A service that was asked to end, and did: no failure, however it took it."""
        forced = f"stopped by SIGKILL: it did not end within {self._grace:g} s of being asked to"
        with suppress(BrokenPipeError):
            if self._last is not None:  # what went wrong on its way out
                self._say({**self._last, "event": "warning"})
            self._say({"event": "note", "text": forced if self._killed else "stopped, as it was asked to"})
        return 128 + signal.SIGTERM


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"the step was ended by {signal.Signals(-code).name}"
    return f"the step ended with exit code {code} and no word of a result"


def _become_step(work: Callable[[Emit], int], output: int, events: int) -> None:
    """The child's whole life; never returns."""
    code = 70
    try:
        parent = os.getppid()
        processes.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, _terminate)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        sys.stdout, sys.stderr = _text_stream(1), _text_stream(2)
        code = work(_emitter(events))
    except Terminated:
        code = 143
    except BaseException:  # noqa: BLE001 - the last frame of this process: whatever it is, it is shown
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _text_stream(fd: int) -> TextIO:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _terminate(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_IGN)  # once is enough; what runs now is the step's own tidying up
    raise Terminated


def _emitter(fd: int) -> Emit:
    from threading import Lock

    lock, write = Lock(), write_all(fd)

    def emit(event: Mapping[str, Any]) -> None:
        with lock:
            write(encode_event(event).encode() + b"\n")

    return emit
