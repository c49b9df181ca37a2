"""What a person reads when an apply has ended."""

import re

from apply_fakes import Yard, fails, graph, node
from test_apply_plan import pipeline

from modelyard.apply.destroy import destroy, plan_destroy
from modelyard.apply.report import ApplyReport, MetricChange, NodeReport
from modelyard.apply.text import render_report
from modelyard.errors import ModelyardError
from modelyard.plan import Action


def test_a_good_apply_ends_with_what_to_know_next(yard: Yard):
    yard.apply(pipeline(0.003))
    yard.store.put_ref("registry/digits/production", {"version": 6, "metrics": {"mAP50": 0.99}})
    text = render_report(yard.apply(pipeline(0.002)), root=yard.root)
    assert re.search(r"✓ training\.detector +mAP50 0\.998 \(\+0\.008 against production v6\)", text)
    assert re.search(r"✓ serving\.api +http://127\.0\.0\.1:8080", text)
    assert text.rstrip().endswith("nothing left to do")
    assert "steps.scenes" not in text


def test_a_failure_shows_the_line_the_log_what_was_kept_and_what_to_do(yard: Yard):
    yard.executor.behaviours["training.detector"] = fails("ValueError: no labels")
    text = render_report(yard.apply(pipeline()), root=yard.root)
    for part in ("✗ training.detector", "ValueError: no labels", "│ line 2", ".modelyard/logs/",
                 "Kept: 1 finished task. `modelyard apply` goes on from there.",
                 "· registry.digits", "not done: training.detector failed", "3 left to do"):  # fmt: skip
        assert part in text
    assert str(yard.root) not in text


def test_only_the_end_of_a_long_log_is_shown():
    tail = tuple(f"line {n}" for n in range(100))
    one = NodeReport("steps.a", "command", "task", Action.CREATE, "failed", reason="boom", tail=tail)
    text = render_report(ApplyReport("p", None, (one,)))
    assert "line 99" in text and "line 85" in text and "line 84" not in text


def test_a_worse_metric_has_its_sign():
    one = NodeReport(
        "t", "train", "task", Action.RERUN, "done", metrics=(MetricChange("f1", 0.5, 0.6, "the last run"),)
    )
    assert "f1 0.500 (−0.100 against the last run)" in render_report(ApplyReport("p", None, (one,)))


def test_nothing_to_do_is_one_line(yard: Yard):
    yard.apply(pipeline())
    assert render_report(yard.apply(pipeline())) == "Nothing to do: 4 unchanged.\n"


def test_ten_thousand_steps_are_counted_not_listed():
    nodes = tuple(NodeReport(f"s{n}", "command", "task", Action.CREATE, "done") for n in range(10_000))
    assert len(render_report(ApplyReport("p", None, nodes)).splitlines()) < 5


def test_destroy_takes_away_what_apply_made_services_first(yard: Yard):
    yard.apply(pipeline())
    plan = plan_destroy(pipeline(), yard.state.applied("dev"))
    assert [change.address for change in plan.changes] == [
        "serving.api", "registry.digits", "training.detector", "steps.scenes",
    ]  # fmt: skip
    assert destroy(pipeline(), yard.target, yard.state).ok
    assert yard.target.removed == ["serving.api"]
    assert yard.state.applied("dev") == {}
    yard.apply(pipeline())
    assert yard.ran == ["registry.digits"]  # results are kept: nothing else is computed again


def test_a_service_that_does_not_stop_keeps_its_record(yard: Yard, monkeypatch):
    yard.apply(graph(node("serving.api", "serve", config={"port": 1})))

    def stuck(address, on_event):
        raise ModelyardError("pid 12 does not end", code="stuck")

    monkeypatch.setattr(yard.target, "remove", stuck)
    report = destroy(pipeline(), yard.target, yard.state)
    assert report.failures[0].reason == "pid 12 does not end"
    assert "serving.api" in yard.state.applied("dev")
