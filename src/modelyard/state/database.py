"""The two databases behind one small seam: rows out, statements in, transactions around."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from modelyard.errors import ModelyardError
from modelyard.state.schema import MIGRATIONS

Row = Sequence[Any]


class Connection(Protocol):
    """One connection. SQL is written with `?`; errors come out as ModelyardError."""

    @property
    def append_only(self) -> Sequence[str]:
        """Statements that forbid changing the journal."""
        ...

    @property
    def sealed(self) -> bool:
        """Whether nothing may be changed here, not even the tables."""
        ...

    def begin(self, writing: bool) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]: ...

    def tables(self) -> bool:
        """Whether our tables are there."""
        ...

    def close(self) -> None: ...


class Database:
    """A connection that threads share, one transaction at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = threading.RLock()
        self._depth = 0

    @contextmanager
    def transaction(self, writing: bool = True) -> Iterator[None]:
        """All or nothing. A transaction inside of another is part of it."""
        with self._turn:
            if self._depth:
                yield
                return
            self._connection.begin(writing)
            self._depth = 1
            try:
                yield
            except BaseException:
                self._connection.rollback()
                raise
            else:
                self._connection.commit()
            finally:
                self._depth = 0

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Read. A statement alone needs no transaction around it, and a plan asks thousands."""
        with self._turn:
            return self._connection.run(sql, values)

    def run(self, sql: str, *values: Any) -> list[Row]:
        with self.transaction():
            return self._connection.run(sql, values)

    def close(self) -> None:
        with self._turn:
            self._connection.close()

    def migrate(self) -> None:
        """Bring the tables up to this program's version. Raises ModelyardError where they are newer."""
        version = self._version()
        if version == len(MIGRATIONS):
            return
        if version > len(MIGRATIONS):
            fix = "upgrade modelyard to the version that wrote it: pip install -U modelyard"
            raise ModelyardError(
                f"the state has schema {version}, this modelyard knows {len(MIGRATIONS)}", fix=fix, code="state-newer"
            )
        if self._connection.sealed:
            fix = "`modelyard apply` migrates it"
            raise ModelyardError(f"the state has the old schema {version}", fix=fix, code="state-older")
        with self.transaction():
            self._upgrade(self._version())

    def _version(self) -> int:
        with self.transaction(writing=False):
            if not self._connection.tables():
                return 0
            found = self._connection.run("SELECT value FROM modelyard_meta WHERE name = 'schema'")
            return int(found[0][0])

    def _upgrade(self, version: int) -> None:
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            extra = self._connection.append_only if number == 1 else ()
            for sql in (*statements, *extra):
                self._connection.run(sql)
            if number == 1:
                self._connection.run("INSERT INTO modelyard_meta VALUES ('schema', '1'), ('lineage', ?)", [uuid4().hex])
            self._connection.run("UPDATE modelyard_meta SET value = ? WHERE name = 'schema'", [str(number)])
            self._connection.run(
                "INSERT INTO modelyard_meta VALUES (?, ?)", [f"migrated-{number}", datetime.now(UTC).isoformat()]
            )


def open_database(uri: str, root: Path, read_only: bool) -> Database:
    """By URL: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://…`."""
    scheme, _, rest = uri.partition("://")
    connection: Connection
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        from modelyard.state.sqlite import connect_sqlite

        connection = connect_sqlite(root / rest[1:], read_only)
    elif scheme in {"postgresql", "postgres"}:
        from modelyard.state.postgres import PostgresConnection

        connection = PostgresConnection(uri)
        if read_only and not connection.tables():
            from modelyard.state.sqlite import empty_state

            connection.close()
            connection = empty_state()
    else:
        fix = "sqlite:///.modelyard/state.db, or postgresql://user@host/database"
        raise ModelyardError(f"`{scheme or uri}` is no place for state", fix=fix, code="state-uri")
    database = Database(connection)
    try:
        database.migrate()
    except BaseException:
        database.close()
        raise
    return database
