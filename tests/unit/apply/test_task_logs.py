"""Logs of tasks in a cluster: of the pod while it is there, then of a shared store."""

from typing import Any

import pytest

from modelyard.apply.events import NodeFinished
from modelyard.apply.report import NodeReport
from modelyard.apply.task_logs import keeping_logs, task_lines
from modelyard.apply.unseen import UnseenStore
from modelyard.errors import ModelyardError
from modelyard.plan.definition import Action
from modelyard.state import RunRecord
from modelyard.store import Store
from modelyard.store.remote import Remote
from modelyard.targets.kubernetes.names import Scope
from modelyard.task import encode_event

RUN = RunRecord("r1", "steps.a", "command", "b3:1", log="/project/.modelyard/logs/r1.log")
SCOPE = Scope("flights", "prod", "work")


class Pods:
    """An API whose pods have said `lines`."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def list(self, kind: Any, selector: str) -> list[Any]:
        assert "modelyard.dev/run=r1" in selector
        meta = {"name": "pod-1", "creationTimestamp": "2026-01-01T00:00:00Z"}
        return [{"metadata": meta, "spec": {"containers": [{"name": "task"}]}}] if self.lines else []

    def pod_log(self, name: str, **_: Any) -> Any:
        return iter(self.lines)


@pytest.fixture
def shared(tmp_path):
    return Store(tmp_path / "store", Remote(f"file://{tmp_path}/remote"))


def finished(log: str) -> NodeFinished:
    return NodeFinished(NodeReport("steps.a", "command", "task", Action.CREATE, "done", run_id="r1", log=log))


def test_while_the_pod_is_there_its_words_are_shown_and_its_events_are_not(shared):
    pods: Any = Pods("one", encode_event({"event": "progress"}), "two", "three")
    assert list(task_lines(pods, SCOPE, shared, RUN, 2, follow=False)) == ["two", "three"]
    assert list(task_lines(pods, SCOPE, shared, RUN, 0, follow=False)) == ["one", "two", "three"]


def test_once_it_is_gone_the_shared_store_has_what_it_said(shared, tmp_path):
    (tmp_path / "r1.log").write_text("one\ntwo\n")
    told = []
    event = finished(str(tmp_path / "r1.log"))
    keeping_logs(shared, told.append)(event)
    gone: Any = Pods()
    assert list(task_lines(gone, SCOPE, shared, RUN, 1, follow=False)) == ["two"]
    elsewhere = Store(tmp_path / "other", shared.remote)
    assert list(task_lines(gone, SCOPE, elsewhere, RUN, 0, follow=False)) == ["one", "two"]
    assert told == [event]


def test_a_log_that_cannot_be_kept_is_no_failure(shared, tmp_path):
    told = []
    keeping_logs(shared, told.append)(finished(str(tmp_path / "none.log")))
    assert len(told) == 1


@pytest.mark.parametrize("store", [UnseenStore(), None], ids=["on a volume", "nothing kept"])
def test_where_nothing_is_seen_any_more_it_says_where_the_log_is(shared, store):
    gone: Any = Pods()
    with pytest.raises(ModelyardError, match=r"r1\.log.* is on the cluster's volume") as error:
        task_lines(gone, SCOPE, store or shared, RUN, 0, follow=False)
    assert error.value.code == "no-log"
