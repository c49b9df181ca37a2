"""PostgreSQL through psycopg 3: the same statements, for teams that share one state."""

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from modelyard.errors import ModelyardError
from modelyard.state.schema import APPEND_ONLY_POSTGRES

_PATIENCE = 10.0
_MIGRATION_LOCK = 7_239_104_551  # any fixed number: who migrates first, migrates alone


class PostgresConnection:
    append_only = APPEND_ONLY_POSTGRES
    sealed = False

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._connection: Any = None
        self._within = False
        try:
            import psycopg
        except ImportError as error:
            fix = "pip install 'modelyard[postgres]'"
            raise ModelyardError("PostgreSQL needs psycopg", fix=fix, code="missing-package") from error
        self._psycopg: Any = psycopg
        self._connect()

    def _connect(self) -> None:
        try:
            self._connection = self._psycopg.connect(self._uri, autocommit=True, connect_timeout=10)
        except self._psycopg.Error as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> ModelyardError:
        place = urlsplit(self._uri)
        name = f"{place.netloc.rpartition('@')[2] or 'localhost'}{place.path}"  # never the password
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        state = getattr(error, "sqlstate", None) or ""
        if state == "53100":
            return ModelyardError(f"the disk of {name} is full", fix="free some space there", code="disk-full")
        if self._connection is None or self._connection.closed:
            fix = "check `state.uri`, the network and the server; what was finished is kept in the store"
            return ModelyardError(f"the state at {name} cannot be reached: {first}", fix=fix, code="state-unreachable")
        return ModelyardError(f"the state at {name}: {first}", code="state")

    def begin(self, writing: bool) -> None:
        # Writers take turns, as with SQLite: serials and the journal's chain have no gaps and no forks.
        self.run("BEGIN" if writing else "BEGIN READ ONLY")
        self._within = True
        if writing:
            self.run("SELECT pg_advisory_xact_lock(?)", [_MIGRATION_LOCK])

    def commit(self) -> None:
        try:
            self.run("COMMIT")
        finally:
            self._within = False

    def rollback(self) -> None:
        self._within = False
        if not self._connection.closed:
            self.run("ROLLBACK")

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
        try:
            return self._execute(sql, values)
        except self._psycopg.Error as error:
            if self._within or not self._connection.closed:
                raise self._error(error) from error
        # The server was started anew, or the network dropped an idle connection: outside of a transaction, where only
        # reads and BEGIN are, nothing is lost by asking again.
        self._reconnect()
        try:
            return self._execute(sql, values)
        except self._psycopg.Error as error:
            raise self._error(error) from error

    def _execute(self, sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
        cursor = self._connection.execute(sql.replace("?", "%s"), list(values) or None)
        return cursor.fetchall() if cursor.description else []

    def _reconnect(self) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._connect()
            except ModelyardError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def tables(self) -> bool:
        return self.run("SELECT to_regclass('modelyard_meta')")[0][0] is not None

    def close(self) -> None:
        self._connection.close()
