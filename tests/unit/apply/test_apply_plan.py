"""What an apply does, writes down, and leaves alone."""

import threading
from dataclasses import replace

import pytest
from apply_fakes import Yard, fails, graph, node, takes

from modelyard.apply.events import ApplyFinished, ApplyStarted, NodeEvent, NodeRetry
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Ref, Resources, Retries
from modelyard.targets.base import Capacity, Outcome


def pipeline(lr0: float = 0.003, **train: object) -> Graph:
    return graph(
        node("steps.scenes", config={"n": 1}),
        node("training.detector", "train", {"train": "steps.scenes:out"},
             config={"lr0": lr0, "metrics": {"mAP50": 1 - lr0}}, **train),
        node("registry.digits", "register", {"model": "training.detector:out"}, outputs=("version",),
             config={"name": "digits"}),
        node("serving.api", "serve", {"version": Ref("registry.digits", "version", follow=True)},
             config={"port": 8080}),
    )  # fmt: skip


def outcomes(report) -> dict[str, str]:
    return {one.address: one.outcome for one in report.nodes}


def test_a_first_apply_does_all_in_order_and_the_next_plan_is_empty(yard: Yard):
    report = yard.apply(pipeline())
    assert report.ok
    assert yard.ran == ["steps.scenes", "training.detector", "registry.digits"]
    assert yard.target.deployed == [("serving.api", None)]
    assert report.urls == {"serving.api": "http://127.0.0.1:8080"}
    assert yard.plan(pipeline()).empty
    assert yard.apply(pipeline()).counts() == {"unchanged": 4}
    assert yard.ran == []


def test_a_changed_parameter_reruns_only_what_hangs_below(yard: Yard):
    yard.apply(pipeline(0.003))
    report = yard.apply(pipeline(0.002))
    assert yard.ran == ["training.detector", "registry.digits"]
    assert report.by_address["training.detector"].metrics[0].difference == pytest.approx(0.001)
    assert yard.target.deployed[-1][0] == "serving.api"


def test_going_back_computes_nothing_but_the_registration(yard: Yard):
    yard.apply(pipeline(0.003))
    yard.apply(pipeline(0.002))
    report = yard.apply(pipeline(0.003))
    assert yard.ran == ["registry.digits"]
    assert report.by_address["training.detector"].outcome == "restored"


def test_held_out_metrics_stand_beside_the_champions_and_those_of_training_do_not(yard: Yard):
    def scored(lr0: float) -> Graph:
        return graph(
            node("training.detector", "train", config={"metrics": {"mAP50": 1 - lr0}}),
            node("training.detector.evaluate", "evaluate", {"model": "training.detector:out"},
                 config={"metrics": {"mAP50": 0.9 - lr0}}),
            node("registry.digits", "register", config={"name": "digits"}, outputs=("version",),
                 inputs={"model": "training.detector:out", "metrics": "training.detector.evaluate:out"}),
        )  # fmt: skip

    yard.apply(scored(0.003))
    yard.store.put_ref("registry/digits/production", {"version": 6, "metrics": {"mAP50": 0.89}})
    report = yard.apply(scored(0.002)).by_address
    told = {
        address: (one.metrics[0].against, round(one.metrics[0].difference, 3))
        for address, one in report.items()
        if one.metrics
    }
    assert told == {
        "training.detector": ("the last run", 0.001),
        "training.detector.evaluate": ("production v6", 0.008),
    }


def test_equal_output_of_a_rerun_cuts_off_what_hangs_below(yard: Yard):
    def chain(comment: str) -> Graph:
        return graph(
            node("steps.a", config={"makes": "same", "comment": comment}),
            node("steps.b", inputs={"in": "steps.a:out"}),
            node("steps.c", inputs={"in": "steps.b:out"}),
        )

    yard.apply(chain("one"))
    report = yard.apply(chain("two"))
    assert yard.ran == ["steps.a"]
    assert outcomes(report) == {"steps.a": "done", "steps.b": "unchanged", "steps.c": "unchanged"}
    assert yard.plan(chain("two")).empty


def test_a_failure_blocks_what_needs_it_and_stops_the_rest(yard: Yard):
    yard.executor.behaviours["training.detector"] = fails("CUDA out of memory")
    report = yard.apply(pipeline())
    assert outcomes(report) == {
        "steps.scenes": "done", "training.detector": "failed", "registry.digits": "blocked", "serving.api": "blocked",
    }  # fmt: skip
    assert report.failures[0].reason == "CUDA out of memory"
    assert report.failures[0].tail == ("line 1", "line 2")
    assert report.by_address["serving.api"].cause == "training.detector"
    plan = yard.plan(pipeline())
    assert plan.by_address["training.detector"].reasons[0].note == "last attempt failed: CUDA out of memory"
    yard.executor.behaviours.clear()
    yard.apply(pipeline())
    assert yard.ran == ["training.detector", "registry.digits"]


def test_a_failed_expectation_stops_who_reads_the_same(yard: Yard):
    gated = graph(
        node("sources.a", "ingest"),
        node("expectations.a", "expect", {"data": "sources.a:out"}, outputs=("report",)),
        node("training.a", "train", {"train": "sources.a:out"}, after=("expectations.a",)),
    )
    yard.executor.behaviours["expectations.a"] = fails("3 rows have no carrier")
    assert outcomes(yard.apply(gated))["training.a"] == "blocked"


@pytest.mark.parametrize(("keep_going", "last"), [(False, "not-started"), (True, "done")])
def test_keep_going_does_what_does_not_need_the_failed(yard: Yard, keep_going, last):
    apart = graph(node("steps.a"), node("steps.b", config={"n": 2}))
    yard.executor.behaviours["steps.a"] = fails()
    report = yard.apply(apart, keep_going=keep_going, parallelism=1)
    assert outcomes(report) == {"steps.a": "failed", "steps.b": last}


def test_what_runs_when_another_fails_ends_well(yard: Yard):
    apart = graph(node("steps.a"), node("steps.b", config={"n": 2}))
    yard.executor.behaviours.update({"steps.a": fails(), "steps.b": takes(0.1)})
    assert outcomes(yard.apply(apart)) == {"steps.a": "failed", "steps.b": "done"}


def test_retries_wait_longer_each_time(yard: Yard):
    events = []
    yard.executor.behaviours["steps.a"] = fails(times=2)
    report = yard.apply(graph(node("steps.a", retries=Retries(2, 0.01))), on_event=events.append)
    assert report.by_address["steps.a"].attempts == 3
    assert [event.wait for event in events if isinstance(event, NodeRetry)] == [0.01, 0.02]
    assert [run.status for run in yard.state.runs("dev")] == ["ok", "failed", "failed"]


def test_a_task_that_took_too_much_memory_is_tried_again_as_any_other(yard: Yard):
    endings = [Outcome("out-of-memory", reason="it used 3 MiB", code="out-of-memory"), None]
    yard.executor.behaviours["steps.a"] = lambda task, cancel: endings.pop(0)
    assert yard.apply(graph(node("steps.a", retries=Retries(1, 0.01)))).ok
    assert [run.status for run in yard.state.runs("dev")] == ["ok", "out-of-memory"]


def test_events_tell_the_whole_story(yard: Yard):
    events = []
    yard.apply(pipeline(), on_event=events.append)
    assert isinstance(events[0], ApplyStarted) and isinstance(events[-1], ApplyFinished)
    assert len(events[0].pending) == 4
    assert any(isinstance(event, NodeEvent) and event.event["event"] == "progress" for event in events)


def test_no_more_runs_at_once_than_fit(yard: Yard):
    yard.executor.limits = Capacity(cpu=4.0, memory=8 << 30, gpu=0)
    many = [node(f"steps.{i}", config={"n": i}, resources=Resources(cpu=2.0)) for i in range(6)]
    yard.executor.behaviours.update({one.address: takes(0.03) for one in many})
    assert yard.apply(graph(*many)).ok
    assert max(len(running) for running in yard.executor.most) == 2


def test_two_tasks_that_are_the_same_run_once(yard: Yard):
    twins = graph(node("steps.a", config={"n": 1}), node("steps.b", config={"n": 1}))
    yard.executor.behaviours.update({"steps.a": takes(0.05), "steps.b": takes(0.05)})
    assert sorted(outcomes(yard.apply(twins)).values()) == ["done", "restored"]
    assert len(yard.ran) == 1


def test_parallelism_bounds_what_runs_at_once(yard: Yard):
    many = [node(f"steps.{i}", config={"n": i}, resources=Resources(cpu=0.1)) for i in range(6)]
    yard.executor.behaviours.update({one.address: takes(0.02) for one in many})
    yard.apply(graph(*many), parallelism=3)
    assert max(len(running) for running in yard.executor.most) == 3


def test_the_targets_own_bound_holds_where_nobody_asks_for_another(yard: Yard):
    many = [node(f"steps.{i}", config={"n": i}, resources=Resources(cpu=0.1)) for i in range(6)]
    yard.executor.behaviours.update({one.address: takes(0.02) for one in many})
    yard.apply(replace(graph(*many), target={"local": {"parallelism": 2}}))
    assert max(len(running) for running in yard.executor.most) == 2


def test_a_task_bigger_than_the_machine_runs_alone(yard: Yard):
    big = node("steps.big", resources=Resources(cpu=64.0))
    small = node("steps.small", config={"n": 2})
    yard.executor.behaviours.update({"steps.big": takes(0.03), "steps.small": takes(0.03)})
    assert yard.apply(graph(big, small)).ok
    assert max(len(running) for running in yard.executor.most) == 1


def test_more_gpus_than_there_are_is_refused_before_anything_runs(yard: Yard):
    asking = graph(node("steps.a"), node("training.b", "train", resources=Resources(gpu=1)))
    with pytest.raises(ModelyardError, match="asks for 1") as caught:
        yard.apply(asking)
    assert caught.value.address == "training.b.resources.gpu"
    assert yard.ran == []


def test_cancel_ends_what_runs_and_starts_nothing_more(yard: Yard):
    cancel = threading.Event()
    yard.executor.behaviours["training.detector"] = takes(30)
    timer = threading.Timer(0.15, cancel.set)
    timer.start()
    report = yard.apply(pipeline(), cancel=cancel)
    assert report.cancelled and not report.ok
    assert outcomes(report)["training.detector"] == "cancelled"
    assert outcomes(report)["registry.digits"] == "cancelled"
    assert yard.executor.running == set()
    yard.executor.behaviours.clear()
    yard.apply(pipeline())
    assert yard.ran == ["training.detector", "registry.digits"]


def test_a_stale_plan_is_refused(yard: Yard):
    plan = yard.plan(pipeline())
    yard.apply(graph(node("steps.other")))
    with pytest.raises(ModelyardError, match="stale"):
        yard.apply(pipeline(), plan)


def test_a_second_apply_names_who_holds_the_state(yard: Yard):
    plan = yard.plan(pipeline())
    with yard.state.lock("apply", environment="dev"):
        other = Yard.at(yard.root)
        with pytest.raises(ModelyardError, match=r"locked by .*@"):
            other.apply(pipeline(), plan)
        other.state.close()


def test_what_left_the_graph_is_stopped_and_forgotten(yard: Yard):
    yard.apply(pipeline())
    rest = replace(pipeline(), nodes={"steps.scenes": pipeline().nodes["steps.scenes"]})
    assert yard.apply(rest).ok
    assert yard.target.removed == ["serving.api"]
    assert set(yard.state.applied("dev")) == {"steps.scenes"}


def test_a_renamed_service_frees_its_port_before_the_new_one_takes_it(yard: Yard):
    one = graph(node("serving.old", "serve", config={"port": 8080}))
    two = graph(node("serving.new", "serve", config={"port": 8080}))
    yard.apply(one)
    yard.target.failing["serving.other"] = AssertionError()
    yard.apply(two)
    assert yard.target.removed == ["serving.old"]
    assert list(yard.target.services) == ["serving.new"]


def test_a_failure_takes_no_service_away(yard: Yard):
    yard.apply(graph(node("serving.old", "serve", config={"port": 8080})))
    yard.executor.behaviours["steps.a"] = fails()
    report = yard.apply(graph(node("steps.a")))
    assert outcomes(report) == {"steps.a": "failed", "serving.old": "not-started"}
    assert yard.target.removed == []


def test_a_service_that_does_not_come_up_is_told_with_its_log(yard: Yard):
    yard.target.failing["serving.api"] = ModelyardError("never became ready", details=["port in use"], code="not-ready")
    report = yard.apply(pipeline())
    assert report.failures[0].reason == "never became ready"
    assert report.failures[0].tail == ("port in use",)
    assert "serving.api" in {change.address for change in yard.plan(pipeline()).pending}


def test_drift_is_mended(yard: Yard):
    yard.apply(pipeline())
    yard.target.services.clear()
    yard.apply(pipeline())
    assert list(yard.target.services) == ["serving.api"]
    assert yard.ran == []


def test_a_full_disk_stops_all_in_one_line(yard: Yard):
    def full(task, cancel):
        raise ModelyardError("the disk is full", code="disk-full")

    apart = graph(*[node(f"steps.{i}", config={"n": i}) for i in range(5)])
    yard.executor.behaviours["steps.0"] = full
    report = yard.apply(apart, parallelism=1, keep_going=True)
    assert report.failures[0].reason == "the disk is full"
    assert outcomes(report)["steps.4"] == "not-started"


def test_a_disk_that_is_full_under_a_task_stops_all(yard: Yard):
    full = Outcome("failed", reason="no space left", fix="free some space", code="disk-full")
    yard.executor.behaviours["steps.a"] = lambda task, cancel: full
    report = yard.apply(graph(node("steps.a"), node("steps.b", config={"n": 2})), parallelism=1, keep_going=True)
    assert report.failures[0].fix == "free some space"
    assert outcomes(report)["steps.b"] == "not-started"


def test_an_address_that_was_a_service_and_is_a_task_stops_the_service(yard: Yard):
    yard.apply(graph(node("steps.a", "serve")))
    yard.apply(graph(node("steps.a")))
    assert yard.target.removed == ["steps.a"]


def test_a_run_that_says_ok_without_a_result_failed(yard: Yard):
    yard.executor.behaviours["steps.a"] = lambda task, cancel: Outcome("ok")
    assert "left no result" in yard.apply(graph(node("steps.a"))).failures[0].reason


def test_lost_outputs_are_made_again_when_needed(yard: Yard):
    yard.apply(pipeline(0.003))
    digest = yard.state.applied("dev")["steps.scenes"].outputs["out"].digest
    (yard.root / ".modelyard/store/trees" / digest[3:5] / f"{digest[3:]}.json").unlink()
    assert yard.plan(pipeline(0.003)).empty
    assert yard.apply(pipeline(0.002)).ok
    assert yard.ran == ["steps.scenes", "training.detector", "registry.digits"]


def test_a_selection_reads_what_was_applied_before(yard: Yard):
    yard.apply(pipeline(0.003))
    report = yard.apply(pipeline(0.002), yard.plan(pipeline(0.002), select=["training.detector"]))
    assert yard.ran == ["training.detector"]
    assert outcomes(report) == {"training.detector": "done"}


def test_a_day_has_only_so_many_runs(yard: Yard):
    limited = {"pipeline": {"budget": {"runs_per_day": 2}}}
    for n in (1, 2):
        assert yard.apply(graph(node("steps.a", config={"n": n}), settings=limited)).ok
    with pytest.raises(ModelyardError, match="2 of 2 runs"):
        yard.apply(graph(node("steps.a", config={"n": 3}), settings=limited))
    assert yard.apply(graph(node("steps.a", config={"n": 2}), settings=limited)).ok


def test_a_gpu_budget_bounds_how_long_a_gpu_is_held(yard: Yard):
    yard.executor.limits = Capacity(gpu=2)
    limited = {"pipeline": {"budget": {"gpu_hours": 1}}}
    asking = graph(node("training.a", "train", resources=Resources(gpu=2)), settings=limited)
    yard.apply(asking)
    assert yard.executor.timeouts["training.a"] == pytest.approx(1800)


def test_the_journal_is_whole(yard: Yard):
    yard.apply(pipeline())
    events = [entry.event for entry in yard.state.journal_entries()]
    assert events == ["apply-started", "applied", "applied", "applied", "deployed", "apply-finished"]
    assert yard.state.verify_journal().ok


def test_a_plan_tells_what_the_target_knows_of_a_service(yard: Yard):
    yard.target.notes["serving.api"] = "image 444 MB"
    assert yard.plan(pipeline()).by_address["serving.api"].detail == "create · image 444 MB"
    yard.apply(pipeline())
    assert yard.plan(pipeline()).by_address["serving.api"].summary == "image 444 MB"
