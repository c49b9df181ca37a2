import pytest

from modelyard.errors import ModelyardError
from modelyard.state import RunRecord
from modelyard.task import Artifact, TaskResult


def run(run_id: str, address: str = "training.a", **changes: object) -> RunRecord:
    return RunRecord(**{"run_id": run_id, "address": address, "kind": "train", "fingerprint": "b3:1", **changes})


def result(seconds: float = 2.5, fingerprint: str = "b3:1") -> TaskResult:
    return TaskResult(fingerprint, {"model": Artifact("b3:9", 1, 2)}, {"mAP50": 0.9}, "fine", seconds=seconds)


def test_a_run_from_its_start_to_its_end(state):
    begun = state.record_run(run("7f3a", log="/logs/7f3a.log", environment="dev"))
    assert (begun.status, begun.started_at != "", "@" in begun.by) == ("running", True, True)
    assert state.runs("dev") == [begun]
    state.finish_run("7f3a", "ok", result=result(), recorded={"git": {"commit": "c0ffee"}})
    ended = state.run("7f3a")
    assert (ended.status, ended.seconds, ended.metrics) == ("ok", 2.5, {"mAP50": 0.9})
    assert ended.outputs == {"model": Artifact("b3:9", 1, 2)}
    assert ended.recorded == {"git": {"commit": "c0ffee"}}
    assert ended.finished_at >= ended.started_at
    assert state.result("b3:1") == result()


def test_a_failed_run_has_its_error_and_no_result(state):
    state.record_run(run("a"))
    state.finish_run("a", "failed", error="no such file", seconds=3)
    assert (state.run("a").error, state.run("a").seconds) == ("no such file", 3)
    assert state.result("b3:1") is None


def test_runs_are_newest_first_and_can_be_chosen(state):
    for number, status in enumerate(["ok", "failed", "ok"]):
        at = f"2026-01-0{number + 1}T00:00:00+00:00"
        state.record_run(run(f"r{number}", f"training.{number % 2}", status=status, started_at=at))
    assert [found.run_id for found in state.runs()] == ["r2", "r1", "r0"]
    assert [found.run_id for found in state.runs(address="training.0")] == ["r2", "r0"]
    assert [found.run_id for found in state.runs(status="failed")] == ["r1"]
    assert [found.run_id for found in state.runs(limit=1)] == ["r2"]


def test_a_run_is_found_by_the_beginning_of_its_id(state):
    state.record_run(run("7f3a"))
    state.record_run(run("7f3b"))
    assert state.run("7f3b").run_id == "7f3b"
    assert state.run("zz") is None
    with pytest.raises(ModelyardError, match="several runs"):
        state.run("7f3")


def test_history_is_of_good_runs_by_address_or_kind(state):
    for number, (address, status) in enumerate([("a", "ok"), ("a", "ok"), ("a", "failed"), ("b", "ok")]):
        at = f"2026-01-0{number + 1}T00:00:00+00:00"
        state.record_run(run(f"r{number}", address, started_at=at))
        state.finish_run(f"r{number}", status, result=result(number) if status == "ok" else None)
    assert state.history(address="a") == (1, 0)
    assert state.history("train") == (3, 1, 0)
    assert state.history("train", limit=1) == (3,)
    assert state.history("evaluate") == ()
    assert state.history("train", environment="prod") == ()


def test_runs_that_never_ended_are_interrupted_once_the_lock_is_held(state, open_state):
    open_state().record_run(run("lost", environment="dev"))
    with state.lock("apply", environment="dev"):
        assert state.run("lost").status == "interrupted"
