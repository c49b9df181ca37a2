"""One service under the supervisor: started, watched, restarted with back-off, ended."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from modelyard import processes
from modelyard.targets.local.endings import BEYOND_GRACE, kill_process
from modelyard.targets.local.service_files import Running, ServiceFolder, Wanted
from modelyard.targets.probing import Prober

_UP_WITHOUT_PROBE = 1.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 30.0
_STEADY = 60.0
_UNHEALTHY_FOR = 30.0
_STARTS_WITHIN = 300.0


class Supervised:
    """A small state machine; `turn` moves it on and never waits."""

    def __init__(self, folder: ServiceFolder, stem: str, found: Running | None = None) -> None:
        self._folder = folder
        self._stem = stem
        self._process: subprocess.Popen[bytes] | None = None
        self._prober: Prober | None = None
        self._state = found or Running(0, "stopped")
        self._started = self._well_at = time.monotonic()
        self._start_at = 0.0
        self._end_by: float | None = None
        self._grace = 5.0
        self.has_just_ended = False

    @property
    def pid(self) -> int | None:
        return self._state.pid

    @property
    def gone(self) -> bool:
        """Nothing runs, and nothing is to run."""
        return self._state.status == "stopped" and self._state.pid is None

    def turn(self, wanted: Wanted | None) -> None:
        if wanted is not None:
            self._grace = wanted.grace
        alive = self._is_alive()
        self.has_just_ended = self._state.pid is not None and not alive
        if self.has_just_ended:
            self._has_ended(wanted)
        elif alive and (self._end_by or wanted is None or wanted.generation != self._state.generation):
            self._end()
        elif alive and wanted is not None:
            self._watch(wanted)
        if self._state.pid is None:
            self._maybe_start(wanted)

    def _is_alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        pid, known_as = self._state.pid, self._state.known_as
        return bool(pid and known_as) and processes.is_running(pid or 0, known_as or "")

    def _maybe_start(self, wanted: Wanted | None) -> None:
        if wanted is None:
            self._note(status="stopped", pid=None, known_as=None, detail="")
        elif wanted.generation != self._state.generation:
            self._start(wanted, restarts=0)
        elif time.monotonic() >= self._start_at:
            self._start(wanted, restarts=self._state.restarts)

    def _start(self, wanted: Wanted, restarts: int) -> None:
        path = self._folder.run / f"{self._stem}.node.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(wanted.document))
        environment = {
            **os.environ,
            "MODELYARD_LOG": wanted.log,
            "MODELYARD_DETACHED": "1",
            "MODELYARD_GRACE": str(wanted.grace),
            "PYTHONUNBUFFERED": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "modelyard.runtime", str(path)],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._started = self._well_at = time.monotonic()
        self._end_by = None
        pid = self._process.pid
        self._state = Running(wanted.generation, "starting", pid, processes.identity(pid), _now(), restarts)
        self._folder.note(self._stem, self._state)

    def _watch(self, wanted: Wanted) -> None:
        now = time.monotonic()
        if wanted.probe is None:
            if now - self._started > _UP_WITHOUT_PROBE:
                self._note(status="ready", detail="")
        else:
            self._judge(wanted.probe, now)
        if self._state.restarts and self._state.status == "ready" and now - self._started > _STEADY:
            self._note(restarts=0)

    def _judge(self, url: str, now: float) -> None:
        if self._prober is None:
            self._prober = Prober(url)
        answer = self._prober.answer
        if answer is None:
            return
        if answer.ready:
            self._well_at = now
            self._note(status="ready", detail="", version=answer.version)
            return
        was_ready = self._state.status in ("ready", "unhealthy")
        self._note(status="unhealthy" if was_ready else "starting", detail=answer.detail)
        if now - self._well_at > (_UNHEALTHY_FOR if was_ready else _STARTS_WITHIN):
            self._end()

    def _end(self) -> None:
        now = time.monotonic()
        pid, known_as = self._state.pid or 0, self._state.known_as or ""
        if self._end_by is None:
            self._end_by = now + self._grace + BEYOND_GRACE
            processes.signal_known(pid, known_as, signal.SIGTERM)
        elif now > self._end_by:
            kill_process(pid, known_as)

    def _has_ended(self, wanted: Wanted | None) -> None:
        if self._prober is not None:
            self._prober.stop()
            self._prober = None
        code = self._process.returncode if self._process is not None else None
        self._process = None
        asked_to, self._end_by = self._end_by is not None, None
        if wanted is None or wanted.generation != self._state.generation:
            self._note(status="stopped", pid=None, known_as=None, detail="")
            return
        restarts = self._state.restarts + 1
        wait = min(_FIRST_BACKOFF * 2 ** (restarts - 1), _LONGEST_BACKOFF)
        self._start_at = time.monotonic() + wait
        how = "it did not answer" if asked_to else _how(code, Path(wanted.log))
        self._note(status="failed", pid=None, known_as=None, restarts=restarts, detail=how)

    def _note(self, **changes: object) -> None:
        state = Running(**{**self._state.__dict__, **changes})
        if state != self._state:
            if state.status != self._state.status:
                state = Running(**{**state.__dict__, "since": _now()})
            self._state = state
            self._folder.note(self._stem, state)


def _how(code: int | None, log: Path) -> str:
    """The exit code, and the last thing it said."""
    how = "it ended" if code is None else f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    try:
        with log.open("rb") as stream:
            stream.seek(max(log.stat().st_size - 4096, 0))
            lines = [line for line in stream.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    last = lines[-1].strip()[:300] if lines else ""
    return last.removeprefix("error: ") if last.startswith("error: ") else f"{how}: {last}" if last else how


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
