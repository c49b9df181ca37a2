import sqlite3
import threading

import pytest

from modelyard.errors import ModelyardError
from modelyard.state import State


def test_lines_are_chained_and_verified(state, open_state):
    assert state.verify_journal().ok
    first = state.journal("apply-started", {"changes": 3}, "dev")
    second = open_state().journal("promoted", {"model": "digits", "version": 7})
    assert second.previous == first.hash
    assert [(line.seq, line.event, line.environment) for line in state.journal_entries()] == [
        (1, "apply-started", "dev"),
        (2, "promoted", None),
    ]
    check = state.verify_journal(head=first.hash)
    assert (check.ok, check.entries, check.head) == (True, 2, second.hash)
    assert not state.verify_journal(head="b3:" + "1" * 64).ok


def test_the_database_itself_refuses_to_change_a_line(state):
    state.journal("promoted")
    for change in ("UPDATE modelyard_journal SET event = 'x'", "DELETE FROM modelyard_journal"):
        with pytest.raises(ModelyardError, match="append-only"):
            state._db.run(change)
    assert state.verify_journal().ok


def test_writers_at_once_keep_one_chain(state, open_state):
    def write() -> None:
        own = open_state()
        for _ in range(10):
            own.journal("event", {"thread": threading.get_ident()})

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check = state.verify_journal()
    assert (check.ok, check.entries) == (True, 30)


@pytest.mark.parametrize(
    ("change", "broken", "why"),
    [
        ("UPDATE modelyard_journal SET payload = '{}' WHERE seq = 2", 2, "changed"),
        ("UPDATE modelyard_journal SET actor = 'eve' WHERE seq = 1", 1, "changed"),
        ("DELETE FROM modelyard_journal WHERE seq = 2", 2, "missing"),
        ("DELETE FROM modelyard_journal WHERE seq = 3", 3, "end are missing"),
        ("UPDATE modelyard_journal SET hash = previous WHERE seq = 3", 3, "changed"),
        ("UPDATE modelyard_journal SET previous = hash WHERE seq = 2", 2, "does not follow"),
    ],
)
def test_every_change_behind_its_back_is_found(tmp_path, change, broken, why):
    with State.open("sqlite:///s.db", tmp_path) as state:
        for number in range(3):
            state.journal("event", {"number": number})
    with sqlite3.connect(tmp_path / "s.db") as raw:
        raw.execute("DROP TRIGGER modelyard_journal_no_update")
        raw.execute("DROP TRIGGER modelyard_journal_no_delete")
        raw.execute(change)
    raw.close()
    with State.open("sqlite:///s.db", tmp_path) as state:
        check = state.verify_journal()
    assert (check.ok, check.broken) == (False, broken)
    assert why in check.why
