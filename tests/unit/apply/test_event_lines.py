"""What a run in a cluster tells comes back as it was said, and lines of others are left alone."""

import io
from collections.abc import Callable

import pytest

from modelyard.apply.event_lines import EventReader, event_line, refusal_line
from modelyard.apply.events import (
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    LockWaiting,
    NodeEvent,
    NodeFinished,
    NodeRetry,
    NodeStarted,
)
from modelyard.apply.report import ApplyReport, MetricChange, NodeReport
from modelyard.apply.run_log import RunLog
from modelyard.errors import ModelyardError
from modelyard.plan.definition import Action
from modelyard.task import decode_event, encode_event

DONE = NodeReport(
    "training.late", "train", "task", Action.RERUN, "done", 4.2, "auc 0.7", (MetricChange("auc", 0.7, 0.6, "v1"),),
    ("slow",), run_id="r1", log="/project/log", attempts=2, status="ok",
)  # fmt: skip
FAILED = NodeReport("steps.a", "command", "task", Action.CREATE, "failed", reason="it broke", tail=("one", "two"))
EVENTS: list[ApplyEvent] = [
    ApplyStarted(("steps.a", "training.late"), ("sources.f",)),
    LockWaiting("ann@laptop (pid 7), 3 s ago, for apply"),
    NodeStarted("training.late", "train", "r1", 2, "/project/log"),
    NodeEvent("training.late", {"event": "progress", "done": 1, "total": 3, "values": {"loss": 0.5}}),
    NodeRetry("training.late", 1, 2.0, "it broke"),
    NodeFinished(FAILED),
    NodeFinished(DONE),
]


def written(tell: Callable[[RunLog], None]) -> list[str]:
    stream = io.StringIO()
    tell(RunLog(stream))
    return stream.getvalue().rstrip("\n").split("\n")  # a record separator ends no line


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event):
    line = event_line(event)
    assert "\n" not in line
    assert EventReader().read(line) == event


def test_the_last_event_brings_the_reports_that_were_told_before():
    report = ApplyReport("flights", "prod", (FAILED, DONE), 9.5, warnings=("w",), tracking="http://t:5000")
    reader = EventReader()
    found = [reader.read(event_line(event)) for event in (*EVENTS, ApplyFinished(report))]
    assert found[-1] == ApplyFinished(report)


def test_what_a_run_could_not_do_is_raised_as_it_was_said_there():
    error = ModelyardError("no rights", fix="bind a Role", address="steps.a", code="no-rights", details=["a", "b"])
    with pytest.raises(ModelyardError, match="no rights") as raised:
        EventReader().read(refusal_line(error))
    found = raised.value
    assert (found.fix, found.address, found.code, found.details) == ("bind a Role", "steps.a", "no-rights", ("a", "b"))


@pytest.mark.parametrize(
    "line",
    [
        "plain words",
        encode_event({"event": "result", "result": {}}),
        encode_event({"event": "apply", "kind": "OfALaterVersion", "data": {}}),
        encode_event({"event": "apply", "kind": "NodeStarted", "data": {"unknown": 1}}),
        encode_event({"event": "apply"}),
    ],
)
def test_other_lines_are_no_events(line):
    assert EventReader().read(line) is None


def test_a_run_tells_people_what_happens_and_progress_not_too_often():
    progress = NodeEvent("steps.a", {"event": "progress", "done": 1, "total": 2})

    def tell(log):
        for event in (NodeStarted("steps.a", "command"), *[progress] * 50, NodeFinished(FAILED), NodeFinished(DONE)):
            log(event)

    lines = written(tell)
    assert [line for line in lines if decode_event(line) is None] == [
        "… steps.a", "✗ steps.a it broke", "✓ training.late auc 0.7",
    ]  # fmt: skip
    assert len([line for line in lines if decode_event(line)]) == 4
