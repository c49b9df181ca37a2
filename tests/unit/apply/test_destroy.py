"""Taking away what apply made."""

from apply_fakes import Yard, graph, node
from test_apply_plan import pipeline

from modelyard.apply.destroy import destroy, plan_destroy
from modelyard.errors import ModelyardError


def test_destroy_takes_away_what_apply_made_services_first(yard: Yard):
    yard.apply(pipeline())
    plan = plan_destroy(pipeline(), yard.state.applied("dev"))
    assert [change.address for change in plan.changes] == [
        "serving.api", "registry.digits", "training.detector", "steps.scenes",
    ]  # fmt: skip
    assert destroy(pipeline(), yard.target, yard.state, root=yard.root).ok
    assert yard.target.removed == ["serving.api"]
    assert yard.target.swept == 1
    assert yard.state.applied("dev") == {}
    yard.apply(pipeline())
    assert yard.ran == ["registry.digits"]  # results are kept: nothing else is computed again


def test_a_service_that_does_not_stop_keeps_its_record(yard: Yard, monkeypatch):
    yard.apply(graph(node("serving.api", "serve", config={"port": 1})))

    def stuck(address, on_event):
        raise ModelyardError("pid 12 does not end", code="stuck")

    monkeypatch.setattr(yard.target, "remove", stuck)
    report = destroy(pipeline(), yard.target, yard.state, root=yard.root)
    assert report.failures[0].reason == "pid 12 does not end"
    assert "serving.api" in yard.state.applied("dev")


def test_it_says_how_long_it_took(yard: Yard):
    yard.apply(pipeline())
    assert destroy(pipeline(), yard.target, yard.state, root=yard.root).seconds > 0
