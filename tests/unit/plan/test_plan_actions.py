"""What is planned for what changed."""

from dataclasses import replace

import pytest
from plan_builders import Record, apply, digits, graph, node, results_of

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Ref, Resources
from modelyard.plan import Action, Plan, make_plan
from modelyard.targets.base import Live, LiveService


def actions(plan: Plan) -> dict[str, str]:
    return {change.address: str(change.action) for change in plan.pending}


def edited(old: Graph, address: str, **fields: object) -> Graph:
    return replace(old, nodes={**old.nodes, address: replace(old.nodes[address], **fields)})


def running(records: dict[str, Record], **changes: object) -> Live:
    service = LiveService("serving.api", "ready", records["serving.api"].fingerprint)
    return Live({"serving.api": replace(service, **changes)})


def test_nothing_applied_creates_everything():
    plan = make_plan(digits(), {})
    assert set(actions(plan).values()) == {"create"}
    assert len(plan.changes) == 7
    assert all(change.certain for change in plan.changes)


def test_plan_after_apply_is_empty():
    applied = apply(digits())
    plan = make_plan(digits(), applied, live=running(applied))
    assert plan.empty
    assert plan.counts() == {"no-op": 7}


def test_a_changed_learning_rate_plans_train_and_what_follows():
    plan = make_plan(digits(0.002), apply(digits(0.003)))
    assert actions(plan) == {
        "training.detector": "rerun",
        "training.detector.evaluate": "rerun",
        "registry.digits": "rerun",
        "serving.api": "update",
    }
    assert [change.certain for change in plan.pending] == [True, False, False, False]
    reason = plan.by_address["training.detector"].reasons[0]
    assert str(reason) == "params.lr0 0.003 → 0.002"
    assert reason.place == "mlops.yaml:18"
    assert plan.by_address["registry.digits"].after == ("training.detector", "training.detector.evaluate")
    assert plan.counts() == {"no-op": 3, "rerun": 1, "follow": 3}


def test_going_back_restores_what_is_known_and_registers_again():
    old, new = digits(0.003), digits(0.002)
    known = results_of(apply(old), apply(new))
    plan = make_plan(old, apply(new), known.get)
    assert actions(plan) == {
        "training.detector": "restore",
        "training.detector.evaluate": "restore",
        "registry.digits": "rerun",  # an old registration says nothing of what is in production now
        "serving.api": "update",
    }
    assert "restore from run 7f3a9c21" in plan.by_address["training.detector"].reasons[-1].note


def test_a_registration_that_a_killed_apply_left_is_taken():
    old, new = digits(0.003), digits(0.002)
    known = results_of(apply(new), run_id="run-of-killed")
    plan = make_plan(new, apply(old), known.get, unfinished={"run-of-killed"})
    assert actions(plan)["registry.digits"] == "restore"


def test_a_changed_gate_does_not_rerun_what_was_gated():
    old = digits()
    new = edited(old, "expectations.scenes", config={"expect": []})
    assert list(actions(make_plan(new, apply(old)))) == ["expectations.scenes"]


def test_a_service_is_replaced_for_its_config_and_updated_for_what_it_follows():
    old = digits()
    plan = make_plan(edited(old, "serving.api", config={"port": 9090}), apply(old))
    assert actions(plan) == {"serving.api": "replace"}
    assert str(plan.by_address["serving.api"].reasons[0]) == "port 8080 → 9090"


def test_more_memory_restarts_a_service_but_reruns_no_task():
    old = digits()
    more = Resources(memory=1 << 30)
    assert actions(make_plan(edited(old, "serving.api", resources=more), apply(old))) == {"serving.api": "replace"}
    assert make_plan(edited(old, "training.detector", resources=more), apply(old)).empty


@pytest.mark.parametrize(
    ("live", "action"),
    [
        (Live(), "create"),
        ({"status": "stopped"}, "create"),
        ({"status": "unhealthy", "detail": "no answer"}, "replace"),
        ({"fingerprint": "b3:other"}, "replace"),
    ],
)
def test_drift_is_planned_away(live, action):
    applied = apply(digits())
    seen = running(applied, **live) if isinstance(live, dict) else live
    plan = make_plan(digits(), applied, live=seen)
    assert actions(plan) == {"serving.api": action}
    assert plan.by_address["serving.api"].reasons[0].kind == "drift"


def test_what_left_the_spec_is_deleted_services_first():
    old = digits()
    new = replace(old, nodes={"steps.scenes": old.nodes["steps.scenes"]})
    deleted = [change.address for change in make_plan(new, apply(old)).pending]
    assert deleted[0] == "serving.api"
    assert len(deleted) == 6


def test_what_is_skipped_is_forgotten_and_says_why():
    old = digits()
    rest = {address: one for address, one in old.nodes.items() if address != "serving.api"}
    plan = make_plan(
        replace(old, nodes=rest, settings={"skipped": {"serving.api": "params.serve is false"}}), apply(old)
    )
    assert str(plan.by_address["serving.api"].reasons[0]) == "serving.api is skipped now: params.serve is false"
    assert plan.skipped == (("serving.api", "params.serve is false"),)


def test_a_renamed_task_is_restored():
    old = graph(node("steps.a", config={"run": ["x"]}))
    new = graph(node("steps.b", config={"run": ["x"]}))
    plan = make_plan(new, apply(old), results_of(apply(old)).get)
    assert actions(plan) == {"steps.b": "restore", "steps.a": "delete"}


def test_an_output_gone_from_the_store_is_made_again_only_where_it_is_needed():
    old, new = digits(0.003), digits(0.002)
    applied = apply(old)
    gone = applied["sources.scenes"].outputs["train"].digest
    assert make_plan(old, applied, has=lambda digest: digest != gone).empty
    plan = make_plan(new, applied, has=lambda digest: digest != gone)
    assert plan.by_address["sources.scenes"].action is Action.RERUN
    assert plan.by_address["sources.scenes"].reasons[0].kind == "lost"


def test_a_failed_attempt_is_the_first_reason():
    plan = make_plan(digits(), {}, failed={"steps.scenes": "ModuleNotFoundError: scenes"})
    assert plan.by_address["steps.scenes"].reasons[0].note == "last attempt failed: ModuleNotFoundError: scenes"


def test_a_selection_leaves_the_rest_and_deletes_nothing():
    old = digits(0.003)
    new = edited(digits(0.002), "steps.scenes", config={"call": "scenes:other"})
    plan = make_plan(new, {**apply(old), "steps.gone": apply(old)["steps.scenes"]}, select=["training.detector"])
    assert set(plan.by_address) == {"training.detector", "training.detector.evaluate"}
    assert plan.selected


def test_a_selection_pulls_in_what_was_never_applied():
    plan = make_plan(digits(), {}, select=["training.detector"])
    assert set(plan.by_address) == set(digits().nodes) - {"registry.digits", "serving.api"}


def test_excluding_what_was_never_applied_leaves_out_what_needs_it():
    plan = make_plan(digits(), {}, exclude=["training.detector"])
    assert set(plan.by_address) == {"steps.scenes", "sources.scenes", "expectations.scenes"}
    assert any("registry.digits is left out" in warning for warning in plan.warnings)


def test_a_selection_of_nothing_is_an_error():
    with pytest.raises(ModelyardError, match="detectr"):
        make_plan(digits(), {}, select=["training.detectr"])


def test_an_unknown_input_that_may_come_out_the_same_is_not_certain():
    old = graph(node("steps.a", config={"run": ["x"]}), node("steps.b", inputs={"in": "steps.a:out"}))
    new = edited(old, "steps.a", config={"run": ["y"]})
    assert not make_plan(new, apply(old)).by_address["steps.b"].certain
    both = edited(new, "steps.b", config={"run": ["z"]})
    assert make_plan(both, apply(old)).by_address["steps.b"].certain


def test_a_rebound_input_is_told_by_its_names():
    old = graph(node("steps.a", config={"n": 1}), node("steps.b", config={"n": 2}),
                node("steps.c", inputs={"in": "steps.a:out"}))  # fmt: skip
    new = edited(old, "steps.c", inputs={"in": Ref("steps.b", "out")})
    reason = make_plan(new, apply(old)).by_address["steps.c"].reasons[0]
    assert str(reason) == "inputs.in steps.a:out → steps.b:out"


def test_a_service_of_another_target_is_brought_up_here():
    before = graph(node("serving.api", "serve", config={"port": 8080}))
    records = {"serving.api": replace(apply(before)["serving.api"], target={"local": {}})}
    planned = make_plan(replace(before, target={"compose": {}}), records, live=Live({}))
    change = planned.by_address["serving.api"]
    assert change.action is Action.CREATE
    assert [(reason.kind, reason.before, reason.after) for reason in change.reasons] == [("target", "local", "compose")]
