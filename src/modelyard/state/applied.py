"""Applied records by address, and the serial that a saved plan is held against."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from modelyard.digests import canonical_json
from modelyard.errors import ModelyardError
from modelyard.state.database import Database
from modelyard.state.owner import whoami
from modelyard.state.records import APPLIED_COLUMNS, BODY_FIELDS, AppliedRecord, encode_outputs


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause the garbage collector, which else walks every new record several times: a third of the reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def plain(value: Any) -> Any:
    """Read-only mappings (a node's config may hold them) as dicts, and tuples as lists, all the way down."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


class Scoped:
    """What every part of the state shares: the database, and one scope for each project and environment."""

    def __init__(self, database: Database, project: str = "") -> None:
        self._db = database
        self._project = project
        self._tokens: dict[str, str] = {}

    def scope(self, environment: str | None) -> str:
        return f"{self._project}/{environment or ''}" if self._project else environment or ""

    def _fence(self, scope: str) -> None:
        """Refuse to write once another process has taken over the lock that this one holds."""
        token = self._tokens.get(scope)
        if token is None:
            return
        if not self._db.rows("SELECT 1 FROM modelyard_locks WHERE scope = ? AND token = ?", scope, token):
            fix = "run the command again: it goes on from what is recorded"
            raise ModelyardError("this process lost the state's lock to another", fix=fix, code="lock-lost")


class AppliedTable(Scoped):
    def applied(self, environment: str | None = None) -> dict[str, AppliedRecord]:
        """Every node that is applied, by address, sorted."""
        with _no_collection():
            rows = self._db.rows(
                f"SELECT {APPLIED_COLUMNS} FROM modelyard_applied WHERE scope = ?", self.scope(environment)
            )
            rows.sort(key=itemgetter(0))
            return {row[0]: AppliedRecord.from_row(row) for row in rows}

    def record_applied(self, environment: str | None, record: AppliedRecord) -> AppliedRecord:
        """Write one record; returns it with its serial, time and author filled in."""
        scope = self.scope(environment)
        with self._db.transaction():
            self._fence(scope)
            written = replace(
                record,
                applied_at=record.applied_at or now(),
                by=record.by or whoami(),
                serial=self._next_serial(scope),
            )
            self._db.run("DELETE FROM modelyard_applied WHERE scope = ? AND address = ?", scope, record.address)
            self._db.run(
                f"INSERT INTO modelyard_applied (scope, {APPLIED_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                scope, record.address, record.kind, record.role, record.fingerprint, encode_outputs(record.outputs),
                canonical_json(plain({name: getattr(written, name) for name in BODY_FIELDS})).decode(),
            )  # fmt: skip
        return written

    def remove_applied(self, environment: str | None, address: str) -> None:
        """Forget a node. One that is not there is no error."""
        scope = self.scope(environment)
        with self._db.transaction():
            self._fence(scope)
            self._db.run("DELETE FROM modelyard_applied WHERE scope = ? AND address = ?", scope, address)
            self._next_serial(scope)

    def serial(self, environment: str | None = None) -> int:
        """Grows with every change of an environment's records; 0 before the first."""
        found = self._db.rows("SELECT serial FROM modelyard_serials WHERE scope = ?", self.scope(environment))
        return int(found[0][0]) if found else 0

    def lineage(self) -> str:
        """A name for this state, fixed when it was made: a plan for one state is not applied to another."""
        return str(self._db.rows("SELECT value FROM modelyard_meta WHERE name = 'lineage'")[0][0])

    def _next_serial(self, scope: str) -> int:
        rows = self._db.run(
            "INSERT INTO modelyard_serials (scope, serial) VALUES (?, 1) "
            "ON CONFLICT (scope) DO UPDATE SET serial = modelyard_serials.serial + 1 RETURNING serial",
            scope,
        )
        return int(rows[0][0])
