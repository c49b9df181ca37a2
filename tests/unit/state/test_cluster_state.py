"""The state in a cluster's objects: kills at every write, writers that sleep, locks that expire, sizes and requests."""

import base64
import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from folder_objects import FolderObjects, place_in
from modelyard.errors import ModelyardError
from modelyard.state import AppliedRecord, State, cluster, kubernetes, locks, snapshots
from modelyard.state.cluster_objects import ClusterPlace, state_names
from modelyard.state.kubernetes import KubernetesState

_FORKED = multiprocessing.get_context("fork")


def record(address: str, size: int = 0) -> AppliedRecord:
    return AppliedRecord(address, "command", "task", "b3:1", {"filling": os.urandom(size).hex()})


def open_in(folder: Path, **options: Any) -> KubernetesState:
    return KubernetesState.open_at(place_in(folder), **options)


def objects_of(state: State) -> FolderObjects:
    assert isinstance(state, KubernetesState)
    assert isinstance(state._place.objects, FolderObjects)
    return state._place.objects


@pytest.fixture
def short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOG_BYTES", 3000)
    monkeypatch.setattr(snapshots, "CHUNK_BYTES", 2000)


def write_and_be_killed(folder: Path, countdown: int, when: str) -> None:
    """Records one step after the other; dies beside the `countdown`th write."""
    state = open_in(folder)
    left = countdown

    def die(verb: str, obj: dict[str, Any]) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(9)

    setattr(objects_of(state), when, die)
    for number in range(40):
        state.record_applied(None, record(f"steps.s{number:02}", 100))
        (folder / "told").write_text(str(number))


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_beside_any_write_the_state_is_whole_and_keeps_what_was_told(tmp_path, short_log, monkeypatch, when):
    monkeypatch.setattr(cluster, "_TURN_SECONDS", 0.05)
    slots = set()
    for countdown in range(0, 49, 7):
        folder = tmp_path / str(countdown)
        open_in(folder).close()
        process = _FORKED.Process(target=write_and_be_killed, args=(folder, countdown, when))
        process.start()
        process.join()
        assert process.exitcode == 9
        told = int((folder / "told").read_text()) + 1 if (folder / "told").exists() else 0
        state = open_in(folder)
        kept = sorted(state.applied())
        assert kept == [f"steps.s{number:02}" for number in range(len(kept))]
        assert told <= len(kept) <= told + 1
        state.record_applied(None, record("steps.after"))
        assert state.serial() == len(kept) + 1
        assert sorted(open_in(folder, read_only=True).applied()) == ["steps.after", *kept]
        slots |= {path.name for path in folder.glob("Secret-*-state-*")}
    assert any(name.endswith("-16.json") for name in slots)


def test_writers_at_once_lose_no_record(tmp_path, short_log):
    def write(folder: Path, writer: int) -> None:
        state = open_in(folder)
        for number in range(8):
            state.record_applied(None, record(f"steps.w{writer}-{number}", 200))

    open_in(tmp_path).close()
    processes = [_FORKED.Process(target=write, args=(tmp_path, writer)) for writer in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    applied = open_in(tmp_path).applied()
    assert sorted(applied) == sorted(f"steps.w{writer}-{number}" for writer in range(3) for number in range(8))
    assert sorted(found.serial for found in applied.values()) == list(range(1, 25))
    assert (tmp_path / "Secret-flights-prod-state-0.json").exists()


def test_a_writer_that_slept_through_its_turn_says_so_and_changes_nothing(tmp_path, short_log, monkeypatch):
    """Others have written since, a snapshot even: nothing of theirs is written over."""
    sleeper = open_in(tmp_path)
    other = open_in(tmp_path)
    monkeypatch.setattr(cluster, "_TURN_SECONDS", 0.05)
    with pytest.raises(ModelyardError) as error, sleeper._db.transaction():
        for number in range(9):
            sleeper.record_applied(None, record(f"steps.slept-{number}", 2000))
        for number in range(4):
            other.record_applied(None, record(f"steps.other-{number}", 2000))
        expected = other.applied()
    assert error.value.code == "state-busy"
    assert open_in(tmp_path).applied() == sleeper.applied() == expected


def test_a_snapshot_that_a_sleeper_goes_on_with_leaves_the_one_that_is_read(tmp_path, short_log, monkeypatch):
    sleeper, other = open_in(tmp_path), open_in(tmp_path)
    monkeypatch.setattr(cluster, "_TURN_SECONDS", 0.05)
    monkeypatch.setattr(cluster, "_FRESH_SECONDS", 0.0)
    slept = threading.Event()

    def sleep(verb: str, obj: dict[str, Any]) -> None:
        if obj["metadata"]["name"].endswith("-state-16") and not slept.is_set():
            slept.set()
            for number in range(3):
                other.record_applied(None, record(f"steps.other-{number}", 4000))

    objects_of(sleeper).before = sleep
    with pytest.raises(ModelyardError, match="another wrote"):
        sleeper.record_applied(None, record("steps.slept", 4000))
    assert slept.is_set()
    assert sorted(open_in(tmp_path).applied()) == ["steps.other-0", "steps.other-1", "steps.other-2"]


def test_a_commit_whose_answer_was_lost_counts_once(tmp_path):
    """The client asks again, and is told that somebody wrote: it was itself."""
    state = open_in(tmp_path)
    objects = objects_of(state)
    real = objects.replace
    objects.replace = lambda obj: (real(obj), real(obj))[1]
    state.record_applied(None, record("steps.a"))
    objects.replace = real
    state.record_applied(None, record("steps.b"))
    assert [(found.address, found.serial) for found in open_in(tmp_path).applied().values()] == [
        ("steps.a", 1), ("steps.b", 2),
    ]  # fmt: skip


def test_a_silent_lease_is_taken_over_and_one_that_is_renewed_is_not(tmp_path, monkeypatch):
    """A clock that is an hour off makes a living holder look dead: it is seen to live."""
    monkeypatch.setattr(kubernetes, "_WATCHED_SECONDS", 0.5)
    monkeypatch.setattr(locks, "_BEAT_SECONDS", 0.1)
    monkeypatch.setattr(kubernetes, "LEASE_SECONDS", -1)
    holder = open_in(tmp_path)
    with holder.lock("apply"):
        monkeypatch.setattr(kubernetes, "hostname", lambda: "elsewhere")
        with pytest.raises(ModelyardError, match="locked by"), open_in(tmp_path).lock("apply"):
            pass
        monkeypatch.setattr(KubernetesState, "_beat", lambda *_: None)
        time.sleep(0.2)
        with open_in(tmp_path).lock("apply") as dead:
            assert dead is not None
            with pytest.raises(ModelyardError, match="lost the state's lock"):
                holder.record_applied(None, record("steps.a"))


def test_the_lease_reads_as_controllers_write_theirs(tmp_path):
    state = open_in(tmp_path)
    with state.lock("apply"):
        lease = objects_of(state).get("Lease", "flights-prod-state")
        assert lease is not None
        assert set(lease["spec"]) == {
            "holderIdentity", "leaseDurationSeconds", "acquireTime", "renewTime", "leaseTransitions",
        }  # fmt: skip
        assert lease["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "modelyard"}
    released = objects_of(state).get("Lease", "flights-prod-state")
    assert released is not None
    assert released["spec"]["holderIdentity"] == ""


def test_every_object_has_a_name_that_a_role_can_say_and_a_size_that_is_stored(tmp_path):
    state = open_in(tmp_path)
    with state._db.transaction():
        for number in range(6):
            state.record_applied(None, record(f"steps.s{number}", 250_000))
    with state.lock("apply"):
        pass
    secrets, leases = state_names("flights-prod-state")
    names = {path.stem for path in tmp_path.glob("*.json")}
    assert names <= {*(f"Secret-{name}" for name in secrets), *(f"Lease-{name}" for name in leases)}
    assert len(names) > 3
    for name in secrets:
        found = objects_of(state).get("Secret", name)
        assert sum(len(base64.b64decode(value)) for value in (found or {}).get("data", {}).values()) < 900_000


def test_a_state_that_outgrows_its_objects_says_what_to_use(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "CHUNK_BYTES", 500)
    state = open_in(tmp_path)
    with pytest.raises(ModelyardError, match="too large") as error:
        state.record_applied(None, record("steps.a", 40_000))
    assert error.value.fix == "set `state.uri` to a PostgreSQL"
    assert (state.applied(), open_in(tmp_path).applied()) == ({}, {})


def test_reading_makes_nothing_and_asks_once(tmp_path):
    assert open_in(tmp_path / "none", read_only=True).applied() == {}
    assert [path.name for path in (tmp_path / "none").iterdir()] == []
    state = open_in(tmp_path / "some")
    state.record_applied(None, record("steps.a"))
    reading = open_in(tmp_path / "some", read_only=True)
    before = len(objects_of(reading).asked)
    assert [reading.serial() for _ in range(100)] == [1] * 100
    assert len(objects_of(reading).asked) == before == 1


def test_a_record_takes_two_writes(tmp_path):
    state = open_in(tmp_path)
    del objects_of(state).asked[:]
    for number in range(10):
        state.record_applied(None, record(f"steps.s{number}"))
    assert objects_of(state).asked == ["replace Secret"] * 20


def test_a_damaged_head_is_said(tmp_path):
    open_in(tmp_path).close()
    place = place_in(tmp_path)
    head = place.objects.get("Secret", place.name)
    assert head is not None
    place.write({**head, "data": {"head": "e30=", "log": "bm90aGluZw=="}})
    with pytest.raises(ModelyardError, match="Secret flights-prod-state is damaged") as error:
        open_in(tmp_path)
    assert error.value.code == "state-corrupt"


def test_what_the_cluster_refuses_is_told_as_a_trouble_of_the_state():
    class Refusing(FolderObjects):
        def __init__(self) -> None: ...

        def get(self, kind: str, name: str) -> None:
            raise ModelyardError("runner may not get secrets", fix="bind a Role", code="no-rights")

    with pytest.raises(ModelyardError, match="state in the cluster cannot be used: runner may not") as error:
        KubernetesState.open_at(ClusterPlace(Refusing(), "x"))
    assert (error.value.code, error.value.fix) == ("state-unreachable", "bind a Role")
