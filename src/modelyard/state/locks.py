"""One writer at a time for each environment: a row that says who, where, why and since when, and a heartbeat.

A lock is taken over from a process that is dead (on this machine: seen at once; elsewhere: silent for two minutes).
The row's token is a fence: who lost the lock can write no more records.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelyard.errors import ModelyardError
from modelyard.state.journal import JournalTable
from modelyard.state.owner import born, hostname, whoami
from modelyard.state.records import LockHolder
from modelyard.state.runs import RunTable

_BEAT_SECONDS = 5.0
_SILENT_SECONDS = 120.0
_POLL_SECONDS = 0.2
_LOOKS = 10


class LockTable(JournalTable, RunTable):
    @contextmanager
    def lock(
        self,
        reason: str,
        wait: float = 0.0,
        environment: str | None = None,
        on_wait: Callable[[LockHolder], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[LockHolder | None]:
        """Hold the lock; yields the dead holder it was taken over from, if any.

        Waits up to `wait` seconds for a living holder, who is told to `on_wait` once; then raises ModelyardError
        `locked` that names the holder, or `cancelled` as soon as `cancel` is set.
        """
        scope = self.scope(environment)
        dead = self._acquire(scope, reason, wait, on_wait, cancel)
        stop = threading.Event()
        beat = threading.Thread(target=self._heartbeat, args=(scope, stop), name="lock-heartbeat", daemon=True)
        beat.start()
        try:
            if dead:
                self.journal("lock-taken-over", {"from": str(dead), "reason": reason}, environment)
            self.interrupt_runs(environment)
            yield dead
        finally:
            stop.set()
            beat.join()
            self._release(scope)

    def lock_holder(self, environment: str | None = None) -> LockHolder | None:
        """Who holds the lock now, dead or alive."""
        found = self._holder(self.scope(environment))
        return found[0] if found else None

    def active_holder(self, environment: str | None = None) -> LockHolder | None:
        """Who is at work now; None where nobody is, or a process holds the lock that is gone."""
        found = self._holder(self.scope(environment))
        return found[0] if found and not self._is_dead(*found) else None

    def force_unlock(self, environment: str | None = None) -> LockHolder | None:
        """Take the lock away from whoever holds it; what that process still tries to record is refused."""
        holder = self.lock_holder(environment)
        if holder:
            self._take_away(self.scope(environment))
            self.journal("lock-forced", {"from": str(holder)}, environment)
        return holder

    def _acquire(
        self, scope: str, reason: str, wait: float, on_wait: Callable[[LockHolder], None] | None,
        cancel: threading.Event | None,
    ) -> LockHolder | None:  # fmt: skip
        until = time.monotonic() + wait
        told = False
        while True:
            taken, holder = self._try(scope, reason)
            if taken:
                return holder
            assert holder is not None
            if time.monotonic() >= until:
                raise _locked(holder)
            if on_wait and not told:
                on_wait(holder)
                told = True
            _pause(cancel, holder)

    def _try(self, scope: str, reason: str) -> tuple[bool, LockHolder | None]:
        token = os.urandom(16).hex()
        with self._db.transaction():
            found = self._holder(scope)
            if found and not self._is_dead(*found):
                return False, found[0]
            self._write_row(scope, token, reason)
        self._tokens[scope] = token
        return True, found[0] if found else None

    def _write_row(self, scope: str, token: str, reason: str) -> None:
        pid, now = os.getpid(), time.time()
        self._db.run("DELETE FROM modelyard_locks WHERE scope = ?", scope)
        self._db.run(
            "INSERT INTO modelyard_locks (scope, token, owner, host, pid, born, reason, taken, beat) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            scope, token, whoami(), hostname(), pid, born(pid), reason, now, now,
        )  # fmt: skip

    def _take_away(self, scope: str) -> None:
        self._db.run("DELETE FROM modelyard_locks WHERE scope = ?", scope)

    def _holder(self, scope: str) -> tuple[LockHolder, float] | None:
        rows = self._db.rows(
            "SELECT owner, host, pid, reason, taken, beat, born FROM modelyard_locks WHERE scope = ?", scope
        )
        if not rows:
            return None
        owner, host, pid, reason, taken, beat, start = rows[0]
        now = time.time()
        return LockHolder(owner, host, pid, reason, max(0.0, now - taken), max(0.0, now - beat)), start

    def _heartbeat(self, scope: str, stop: threading.Event) -> None:
        token = self._tokens[scope]
        while not stop.wait(_BEAT_SECONDS):
            with contextlib.suppress(ModelyardError):  # a missed beat is made up for by the next
                self._beat(scope, token)

    def _beat(self, scope: str, token: str) -> None:
        self._db.run("UPDATE modelyard_locks SET beat = ? WHERE scope = ? AND token = ?", time.time(), scope, token)

    def _release(self, scope: str) -> None:
        token = self._tokens.pop(scope)
        with contextlib.suppress(ModelyardError):  # on a full disk: the next one sees that this process is gone
            self._give_back(scope, token)

    def _give_back(self, scope: str, token: str) -> None:
        self._db.run("DELETE FROM modelyard_locks WHERE scope = ? AND token = ?", scope, token)

    def _is_dead(self, holder: LockHolder, start: float) -> bool:
        if holder.host != hostname():
            return holder.quiet > _SILENT_SECONDS
        alive = born(holder.pid)
        return not alive or abs(alive - start) > 2.0


def _pause(cancel: threading.Event | None, holder: LockHolder) -> None:
    """Sleeps, and does not wait on the event: a signal's handler that sets it may run in this very thread."""
    for _ in range(_LOOKS):
        if cancel is not None and cancel.is_set():
            what = f"stopped while waiting for the state's lock, held by {holder}; nothing was done"
            raise ModelyardError(what, code="cancelled")
        time.sleep(_POLL_SECONDS / _LOOKS)


def _locked(holder: LockHolder) -> ModelyardError:
    fix = "wait until it has finished; the lock of a process that died is taken over by itself"
    return ModelyardError(f"the state is locked by {holder}", fix=fix, code="locked")
