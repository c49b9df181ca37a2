import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.errors import ModelyardError
from modelyard.state import AppliedRecord, State, database, sqlite
from modelyard.state.schema import MIGRATIONS

URI = "sqlite:///state.db"


def record(address: str = "steps.a", size: int = 0) -> AppliedRecord:
    return AppliedRecord(address, "command", "task", "b3:1", {"padding": "x" * size})


def files(at: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in at.iterdir()}


def test_reading_where_nothing_is_makes_nothing(tmp_path):
    with State.open("sqlite:///.modelyard/state.db", tmp_path, read_only=True) as state:
        assert (state.applied(), state.serial(), state.runs(), state.lock_holder()) == ({}, 0, [], None)
        assert len(state.lineage()) == 32
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_the_folder_as_it_was(tmp_path):
    with State.open(URI, tmp_path) as state:
        state.record_applied(None, record())
    before = files(tmp_path)
    with State.open(URI, tmp_path, read_only=True) as state:
        assert list(state.applied()) == ["steps.a"]
    assert files(tmp_path) == before


def test_what_was_cut_short_while_it_was_made_reads_as_empty(tmp_path):
    connection = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE modelyard_meta (name TEXT)")
    with State.open(URI, tmp_path, read_only=True) as state:
        assert (state.applied(), state.serial()) == ({}, 0)
    connection.execute("ROLLBACK")
    with State.open(URI, tmp_path, read_only=True) as state:
        assert state.runs() == []
    connection.close()


def test_reading_while_another_writes_sees_what_is_committed(tmp_path):
    with State.open(URI, tmp_path) as writer:
        writer.record_applied(None, record())
        with State.open(URI, tmp_path, read_only=True) as reader:
            assert list(reader.applied()) == ["steps.a"]
            with pytest.raises(ModelyardError, match="cannot be opened for writing"):
                reader.record_applied(None, record("steps.b"))


def test_killed_in_the_middle_of_writing_keeps_what_was_committed(tmp_path):
    code = f"""
from pathlib import Path; from modelyard.state import AppliedRecord, State
state = State.open({URI!r}, Path({str(tmp_path)!r}))
for number in range(10_000):
    state.record_applied(None, AppliedRecord(f"steps.s{{number}}", "command", "task", "b3:1", {{}}))
    print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == 20:
                os.kill(process.pid, signal.SIGKILL)
                break
    with State.open(URI, tmp_path, read_only=True) as reader:
        assert len(reader.applied()) >= 21
    with State.open(URI, tmp_path) as state:
        assert state.serial() == len(state.applied()) >= 21


def test_a_full_disk_is_said_and_the_state_stays_intact(tmp_path):
    with State.open(URI, tmp_path) as state:
        state.record_applied(None, record())
        pages = state._db.rows("PRAGMA page_count")[0][0]
        state._db._connection.run(f"PRAGMA max_page_count = {pages}")  # what SQLite answers with SQLITE_FULL
        with pytest.raises(ModelyardError, match="full") as error:
            state.record_applied(None, record("steps.b", 100_000))
        assert error.value.code == "disk-full"
        assert (list(state.applied()), state.serial()) == (["steps.a"], 1)


@pytest.mark.parametrize("damage", [b"not a database at all" * 500, b"SQLite format 3\x00" + b"\xff" * 5000])
@pytest.mark.parametrize("read_only", [True, False])
def test_a_damaged_file_is_said(tmp_path, damage, read_only):
    (tmp_path / "state.db").write_bytes(damage)
    with pytest.raises(ModelyardError, match="damaged") as error:
        State.open(URI, tmp_path, read_only=read_only).applied()
    assert error.value.code == "state-corrupt"


def test_a_state_that_is_busy_for_long_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.1)
    with State.open(URI, tmp_path) as state:
        other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ModelyardError, match="busy") as error:
            state.record_applied(None, record())
        other.execute("COMMIT")
        other.close()
        assert error.value.code == "state-busy"
        state.record_applied(None, record())


def test_a_place_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelyardError) as error:
        State.open("sqlite:///file/state.db", tmp_path)
    assert error.value.code == "state-not-writable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(ModelyardError) as error:
        State.open(URI, tmp_path)
    assert error.value.code == "state-not-writable"


def test_a_state_of_a_newer_version_is_refused(tmp_path):
    with State.open(URI, tmp_path) as state:
        state._db.run("UPDATE modelyard_meta SET value = '99' WHERE name = 'schema'")
    for read_only in (True, False):
        with pytest.raises(ModelyardError, match="schema 99"):
            State.open(URI, tmp_path, read_only=read_only)


@pytest.mark.parametrize("uri", ["mysql://x", "state.db", "sqlite://", "sqlite:///"])
def test_a_place_that_is_no_state_is_said(tmp_path, uri):
    with pytest.raises(ModelyardError, match="no place for state"):
        State.open(uri, tmp_path)


def test_an_absolute_path_is_taken_as_it_is(tmp_path):
    State.open(f"sqlite:///{tmp_path}/deep/s.db", tmp_path / "other").close()
    assert (tmp_path / "deep" / "s.db").exists()


def test_a_postgresql_that_does_not_answer_is_said_without_its_password(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(ModelyardError, match="localhost:1/db cannot be reached") as error:
        State.open("postgresql://ana:hush@localhost:1/db", tmp_path)
    assert "hush" not in str(error.value)


def left_behind(tmp_path: Path, count: int = 3) -> Path:
    """A folder as a killed process leaves it: the last records are in the `-wal` file alone, and it has no index."""
    live, left = tmp_path / "live", tmp_path / "left"
    left.mkdir()
    with State.open(URI, live) as state:
        state.record_applied(None, record("steps.s0"))
        state._db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(1, count):
            state.record_applied(None, record(f"steps.s{number}"))
        for name in ("state.db", "state.db-wal"):
            shutil.copyfile(live / name, left / name)
    assert (left / "state.db-wal").stat().st_size > 0
    return left


def grow(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """As if this program were a version newer than the one that wrote the state."""
    newer = (*MIGRATIONS, statements)
    monkeypatch.setattr(database, "MIGRATIONS", newer)
    monkeypatch.setattr(sqlite, "MIGRATIONS", newer)


NEWER = ("ALTER TABLE modelyard_applied ADD COLUMN note TEXT NOT NULL DEFAULT 'kept'",)


def test_an_old_state_with_a_log_beside_it_is_migrated_whole(tmp_path, monkeypatch):
    left = left_behind(tmp_path)
    grow(monkeypatch, *NEWER)
    with State.open(URI, left) as state:
        assert list(state.applied()) == ["steps.s0", "steps.s1", "steps.s2"]
        assert state.serial() == 3
        assert state._db.rows("SELECT DISTINCT note FROM modelyard_applied") == [("kept",)]
    with State.open(URI, left, read_only=True) as state:
        assert len(state.applied()) == 3


def test_an_old_state_with_a_log_beside_it_is_read_whole_and_left_old(tmp_path, monkeypatch):
    left = left_behind(tmp_path)
    before = {name: (left / name).read_bytes() for name in ("state.db", "state.db-wal")}
    with monkeypatch.context() as newer:
        grow(newer, *NEWER)
        with State.open(URI, left, read_only=True) as state:
            assert len(state.applied()) == 3
            assert state._db.rows("SELECT DISTINCT note FROM modelyard_applied") == [("kept",)]
    assert {name: (left / name).read_bytes() for name in before} == before
    with State.open(URI, left) as state:
        assert len(state.applied()) == 3


def test_a_migration_that_breaks_changes_nothing(tmp_path, monkeypatch):
    left = left_behind(tmp_path)
    with monkeypatch.context() as newer:
        grow(newer, "DELETE FROM modelyard_applied", "no such statement")
        with pytest.raises(ModelyardError, match="syntax error"):
            State.open(URI, left)
    with State.open(URI, left) as state:
        assert len(state.applied()) == 3


@pytest.mark.skipif(shutil.which("setpriv") is None and os.geteuid() == 0, reason="root may write everywhere")
def test_a_log_in_a_folder_that_may_not_be_written_to_is_read_whole(tmp_path):
    left = left_behind(tmp_path)
    look = (
        "from pathlib import Path; from modelyard.state import State\n"
        f"with State.open({URI!r}, Path({str(left)!r}), read_only=True) as state: print(len(state.applied()))"
    )
    as_user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    left.chmod(0o555)
    try:
        done = subprocess.run([*as_user, sys.executable, "-c", look], capture_output=True, text=True, check=False)
    finally:
        left.chmod(0o755)
    assert done.stdout == "3\n", done.stderr
    assert sorted(path.name for path in left.iterdir()) == ["state.db", "state.db-wal"]


@pytest.mark.parametrize("read_only", [True, False])
def test_a_folder_in_the_place_of_the_state_is_said(tmp_path, read_only):
    (tmp_path / "state.db").mkdir()
    with pytest.raises(ModelyardError, match="is a folder") as error:
        State.open(URI, tmp_path, read_only=read_only)
    assert error.value.code == "state-not-writable"
