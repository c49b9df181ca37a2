"""SQLite in WAL mode: readers never wait for an apply, and a kill at any moment loses nothing that was committed.

`synchronous` is NORMAL: a power cut may lose the last commits, never the file; their results are in the store by
fingerprint, and the next apply takes them from there.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.state.schema import APPEND_ONLY_SQLITE, MIGRATIONS

_BUSY_SECONDS = 15.0
_SNAPSHOT_BYTES = 256 << 20
_HEADER = b"SQLite format 3\x00"


def connect_sqlite(path: Path, read_only: bool) -> "SqliteConnection":
    """Open or make the file. A read-only open makes nothing: where there is no file it reads as an empty state."""
    if path.is_dir():
        fix = "move that folder away, or set `state.uri` to another place"
        raise ModelyardError(f"the state at {path} is a folder", fix=fix, code="state-not-writable")
    try:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            return SqliteConnection(_writable(path), path)
        return _readable(path)
    except sqlite3.Error as error:
        raise state_error(error, path) from error
    except OSError as error:
        fix = f"give this user access to {path.parent}, or set `state.uri` to another place"
        raise ModelyardError(f"the state at {path}: {error.strerror}", fix=fix, code="state-not-writable") from error


def _connect(target: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(target, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=uri)


def _writable(path: Path) -> sqlite3.Connection:
    connection = _connect(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def empty_state() -> "SqliteConnection":
    """A state with nothing in it, in memory."""
    return SqliteConnection(_connect(":memory:"), Path(":memory:"))


def _readable(path: Path) -> "SqliteConnection":
    if not path.exists():
        return empty_state()
    data = _snapshot(path)
    if data is None:
        return _beside_a_log(path)
    return SqliteConnection.deserialized(data, path)


def _beside_a_log(path: Path) -> "SqliteConnection":
    """Where a writer is at work, or was killed: part of what was committed is still in the `-wal` file."""
    sealed = SqliteConnection(_connect(f"{path.resolve().as_uri()}?mode=ro", uri=True), path, sealed=True)
    try:
        there = sealed.tables()
    except ModelyardError as error:
        sealed.close()
        if error.code != "state-not-writable":
            raise
        return _copied(path)
    if not there:  # whoever makes it has not got that far, or was killed before
        sealed.close()
        return empty_state()
    return sealed.in_memory() if sealed.schema() < len(MIGRATIONS) else sealed


def _copied(path: Path) -> "SqliteConnection":
    """Where the folder may not be written to: SQLite reads a log only beside an index of it that it makes itself."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix="modelyard-state-") as scratch:
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{scratch}/{path.name}{suffix}")
        copy = SqliteConnection(_connect(f"{scratch}/{path.name}"), path)
        try:
            return copy.in_memory() if copy.tables() else empty_state()
        finally:
            copy.close()


def _snapshot(path: Path) -> bytes | None:
    """The whole database, where nobody has it open for writing.

    Opening a WAL database to read leaves `-wal` and `-shm` files behind; reading its bytes leaves nothing. The WAL
    marks in the header (bytes 18 and 19) are set to 1, since memory has no WAL.
    """
    wal = path.with_name(path.name + "-wal")
    before = path.stat()
    if wal.exists() or not len(_HEADER) < before.st_size < _SNAPSHOT_BYTES:
        return None
    data = bytearray(path.read_bytes())
    after = path.stat()
    changed = (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size)
    if changed or wal.exists() or not data.startswith(_HEADER):
        return None
    data[18:20] = b"\x01\x01"
    return bytes(data)


class SqliteConnection:
    append_only = APPEND_ONLY_SQLITE

    def __init__(self, connection: sqlite3.Connection, path: Path, sealed: bool = False) -> None:
        self._connection = connection
        self._path = path
        self.sealed = sealed

    @classmethod
    def deserialized(cls, data: bytes, path: Path) -> "SqliteConnection":
        """A database in memory, of the bytes of a whole one; `path` is where messages say that it is."""
        connection = _connect(":memory:")
        connection.deserialize(data)
        return cls(connection, path)

    def serialized(self) -> bytes:
        return self._connection.serialize()

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def begin(self, writing: bool) -> None:
        self.run("BEGIN IMMEDIATE" if writing else "BEGIN")

    def commit(self) -> None:
        try:
            self.run("COMMIT")
        except ModelyardError:
            self.rollback()
            raise

    def rollback(self) -> None:
        if self.in_transaction:  # SQLite itself rolls back on a full disk
            self.run("ROLLBACK")

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise state_error(error, self._path) from error

    def tables(self) -> bool:
        return bool(self.run("SELECT 1 FROM sqlite_master WHERE name = 'modelyard_meta'"))

    def schema(self) -> int:
        return int(self.run("SELECT value FROM modelyard_meta WHERE name = 'schema'")[0][0])

    def in_memory(self) -> "SqliteConnection":
        """A copy of everything that is committed, to be brought up to date without touching the file."""
        memory = _connect(":memory:")
        self._connection.backup(memory)
        return SqliteConnection(memory, self._path)

    def close(self) -> None:
        self._connection.close()


def state_error(error: sqlite3.Error, path: Path) -> ModelyardError:
    """What SQLite refuses, in plain words."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        fix = "free some space and run the command again: what was finished is kept"
        return ModelyardError(f"the disk of {path} is full", fix=fix, code="disk-full")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        fix = "another modelyard is writing to it; try again in a moment"
        return ModelyardError(f"the state at {path} is busy", fix=fix, code="state-busy")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        fix = (
            f"move {path}* away (all of them: a `-wal` left beside another file damages that), and put a backup there, "
            "or apply without one: finished results are taken from the store again"
        )
        return ModelyardError(f"the state at {path} is damaged: {error}", fix=fix, code="state-corrupt")
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        fix = f"give this user read and write access to {path.parent}, or set `state.uri` to another place"
        return ModelyardError(f"the state at {path} cannot be opened for writing", fix=fix, code="state-not-writable")
    if code == sqlite3.SQLITE_IOERR:
        fix = "check the disk and its free space; the state itself is intact up to its last change"
        return ModelyardError(f"the disk of {path} fails: {error}", fix=fix, code="state-io")
    return ModelyardError(f"the state at {path}: {error}", code="state")
