import threading
import time
from dataclasses import asdict
from types import MappingProxyType

import pytest

from modelyard.state import AppliedRecord
from modelyard.task import Artifact


def record(address: str = "steps.a", fingerprint: str = "b3:1", **changes: object) -> AppliedRecord:
    given = {
        "node_json": {"address": address, "config": {"lr0": 0.1, "deep": {"list": [1, None, "ü"]}}},
        "inputs": {"data": "b3:2"},
        "outputs": {"out": Artifact("b3:3", 2, 30), "plots": Artifact("b3:4")},
        "metrics": {"mAP50": 0.9},
        "run_id": "r1",
        "seconds": 1.5,
        "summary": "well",
    }
    return AppliedRecord(address, "command", "task", fingerprint, **{**given, **changes})


def test_a_record_comes_back_as_it_was_with_serial_time_and_author(state, open_state):
    written = state.record_applied("dev", record())
    assert written.serial == 1
    assert written.applied_at.endswith("+00:00")
    assert "@" in written.by
    read = open_state().applied("dev")["steps.a"]
    assert read == written
    assert asdict(read) == asdict(written)
    assert read.node_json == record().node_json


def test_the_newest_record_of_an_address_counts(state):
    state.record_applied(None, record(fingerprint="b3:1"))
    state.record_applied(None, record(fingerprint="b3:2"))
    assert {address: found.fingerprint for address, found in state.applied().items()} == {"steps.a": "b3:2"}
    state.remove_applied(None, "steps.a")
    state.remove_applied(None, "steps.a")
    assert state.applied() == {}


def test_the_serial_grows_with_each_change_of_its_environment(state):
    assert state.serial("dev") == 0
    state.record_applied("dev", record())
    state.remove_applied("dev", "steps.a")
    state.record_applied("prod", record())
    assert (state.serial("dev"), state.serial("prod"), state.serial()) == (2, 1, 0)


def test_environments_and_projects_are_apart(state, open_state):
    state.record_applied("dev", record())
    assert state.applied("prod") == {}
    assert open_state(project="other").applied("dev") == {}
    open_state(project="other").record_applied("dev", record("steps.b"))
    assert list(state.applied("dev")) == ["steps.a"]


def test_records_are_in_order_of_their_address(state):
    for name in ("c", "a", "b"):
        state.record_applied(None, record(f"steps.{name}"))
    assert list(state.applied()) == ["steps.a", "steps.b", "steps.c"]


def test_read_only_mappings_are_recorded_as_plain_data(state):
    frozen = MappingProxyType({"config": MappingProxyType({"a": (1, 2)})})
    state.record_applied(None, record(node_json=frozen))
    assert state.applied()["steps.a"].node_json == {"config": {"a": [1, 2]}}


def test_the_lineage_stays(state, open_state):
    assert len(state.lineage()) == 32
    assert open_state().lineage() == state.lineage()


def test_threads_write_at_once_and_no_serial_is_given_twice(state):
    def write(thread: int) -> None:
        for number in range(10):
            state.record_applied(None, record(f"steps.t{thread}-{number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found.serial for found in state.applied().values()) == list(range(1, 41))


def test_a_failure_inside_a_transaction_leaves_nothing(state):
    with pytest.raises(RuntimeError), state._db.transaction():
        state.record_applied(None, record())
        raise RuntimeError
    assert (state.applied(), state.serial()) == ({}, 0)


def test_two_thousand_records_are_read_quickly(state, open_state):
    node = {"address": "x", "config": {f"key{index}": "v" * 20 for index in range(25)}}
    with state._db.transaction():
        for number in range(2_000):
            state.record_applied(None, record(f"steps.s{number:05}", node_json=node))
    reader = open_state(read_only=True)
    costs = []
    for _ in range(5):
        started = time.process_time()
        assert len(reader.applied()) == 2_000
        costs.append(time.process_time() - started)
    assert min(costs) < 0.030  # 0.01 on a quiet machine; 10,000 in 0.05
