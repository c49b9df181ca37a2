"""What is said once apply has ended."""

import pytest

from modelyard.apply.report import ApplyReport, NodeReport
from modelyard.cli.options import Common
from modelyard.cli.outcome import print_report
from modelyard.plan.definition import Action


def node(address: str, outcome: str, cause: str = "") -> NodeReport:
    return NodeReport(address, "command", "task", Action.RERUN, outcome, cause=cause, reason="boom")  # type: ignore[arg-type]


def test_what_was_left_out_is_told_by_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    nodes = (
        node("steps.a", "failed"), node("steps.b", "blocked", "steps.a"), node("steps.c", "blocked", "steps.a"),
        node("steps.d", "failed"), node("steps.e", "blocked", "steps.d"),
    )  # fmt: skip
    print_report(ApplyReport("p", "dev", nodes), Common())
    said = capsys.readouterr().err
    assert "Not run, because steps.a failed and its result is needed: steps.b, steps.c\n" in said
    assert "Not run, because steps.d failed and its result is needed: steps.e\n" in said


def test_what_there_was_no_turn_for_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(ApplyReport("p", "dev", (node("steps.a", "failed"), node("steps.z", "not-started"))), Common())
    said = capsys.readouterr().err
    assert "Not started, because apply stopped at a failure: steps.z\n" in said
