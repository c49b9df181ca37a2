"""The state as objects of the cluster: a database in memory, and each transaction written down before it counts.

Writers take turns, as with SQLite: whose turn it is stands in the head. A turn whose owner is silent goes to the next.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from modelyard.errors import ModelyardError
from modelyard.state.cluster_objects import ClusterPlace
from modelyard.state.schema import APPEND_ONLY_SQLITE
from modelyard.state.snapshots import Head, Snapshots, Transaction, pack
from modelyard.state.sqlite import SqliteConnection, empty_state

LOG_BYTES = 32_000
_FRESH_SECONDS = 1.0
_TURN_SECONDS = 20.0
_PATIENCE_SECONDS = 90.0
_POLL_SECONDS = 0.05


class ClusterConnection:
    """See `modelyard.state.database.Connection`."""

    append_only = APPEND_ONLY_SQLITE
    sealed = False

    def __init__(self, place: ClusterPlace) -> None:
        self._place = place
        self._snapshots = Snapshots(place)
        self._me = uuid4().hex
        self._memory = empty_state()
        self._head = Head()
        self._read_at = float("-inf")
        self._writing = False
        self._statements: Transaction = []
        self._within = False

    def begin(self, writing: bool) -> None:
        self._statements = []
        with _telling():
            if writing:
                self._take_turn()
            else:
                self._refresh()
        self._memory.begin(writing)
        self._within, self._writing = True, writing

    def commit(self) -> None:
        self._within = False
        if not self._writing:
            self._memory.commit()
            return
        self._writing = False
        with _telling():
            self._publish()

    def rollback(self) -> None:
        self._within = False
        self._memory.rollback()
        if self._writing:
            self._writing = False
            self._give_turn_back()

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
        if not self._within and time.monotonic() - self._read_at > _FRESH_SECONDS:
            with _telling():
                self._refresh()
        rows = self._memory.run(sql, values)
        if self._writing and not sql.startswith("SELECT"):
            self._statements.append((sql, list(values)))
        return rows

    def tables(self) -> bool:
        return self._memory.tables()

    def in_memory(self) -> SqliteConnection:
        """As it is now, for who only reads."""
        with _telling():
            self._refresh()
        return self._memory

    def close(self) -> None:
        self._memory.close()

    def _take_turn(self) -> None:
        begun = seen_at = time.monotonic()
        while True:
            seen = self._head
            mine = replace(seen, writer=self._me, commit=uuid4().hex)
            free = not seen.writer or time.monotonic() - seen_at > _TURN_SECONDS
            if self._read_at > float("-inf") and free and (written := self._snapshots.write(mine)) is not None:
                self._head = written
                return
            if time.monotonic() - begun > _PATIENCE_SECONDS:
                raise ModelyardError("others write to it all the time", fix="try again in a moment", code="state-busy")
            if seen.writer:
                time.sleep(_POLL_SECONDS)
            self._refresh()
            if self._head.version != seen.version:
                seen_at = time.monotonic()

    def _publish(self) -> None:
        """The commit. What cannot be written down is undone in memory too."""
        if not self._statements:
            self._memory.commit()
            self._give_turn_back()
            return
        done = replace(self._head, writer="", commit=uuid4().hex, log=(*self._head.log, self._statements))
        try:
            short = len(pack(done.log)) <= LOG_BYTES
            written = self._snapshots.write(done) if short else self._save_whole()
        except BaseException:
            self._forget()
            raise
        if written is None:
            self._forget()
            fix = "run the command again: it goes on from what is recorded"
            raise ModelyardError("this process was silent so long that another wrote", fix=fix, code="state-busy")
        if self._memory.in_transaction:
            self._memory.commit()
        self._head, self._read_at = written, time.monotonic()

    def _save_whole(self) -> Head | None:
        self._memory.commit()
        return self._snapshots.save(self._head, self._memory.serialized())

    def _give_turn_back(self) -> None:
        """Nothing was written; where that fails too, the turn runs out."""
        try:
            given = self._snapshots.write(replace(self._head, writer="", commit=uuid4().hex))
        except ModelyardError:
            given = None
        if given is None:
            self._forget()
        else:
            self._head = given

    def _refresh(self) -> None:
        """Bring the memory up to what is written down: by what came since, or from the snapshot on."""
        head = self._snapshots.head()
        known = len(self._head.log)
        if self._read_at > float("-inf") and head.snapshot == self._head.snapshot and known <= len(head.log):
            fresh: Iterable[Transaction] = head.log[known:]
        else:
            head, data = self._snapshots.current(head)
            self._memory.close()
            self._memory = (
                empty_state() if data is None else SqliteConnection.deserialized(data, Path(self._place.name))
            )
            fresh = head.log
        for transaction in fresh:
            self._replay(transaction)
        self._head, self._read_at = head, time.monotonic()

    def _replay(self, transaction: Transaction) -> None:
        self._memory.begin(True)
        for sql, values in transaction:
            self._memory.run(sql, values)
        self._memory.commit()

    def _forget(self) -> None:
        """What is in memory may be more than what is written down: it is read anew when it is next asked for."""
        self._memory.rollback()
        self._head, self._read_at = Head(), float("-inf")


@contextmanager
def _telling() -> Iterator[None]:
    """What the cluster refuses, told as a trouble of the state."""
    try:
        yield
    except ModelyardError as error:
        if error.code.startswith("state"):
            raise
        what = f"the state in the cluster cannot be used: {error.what}"
        raise ModelyardError(what, fix=error.fix, code="state-unreachable", details=error.details) from error
