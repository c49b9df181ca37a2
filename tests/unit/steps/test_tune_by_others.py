"""A study that others lead: one trial by itself, and the gathering of what trials have left."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelyard.errors import ModelyardError
from modelyard.inference.session import Model
from modelyard.steps.tune import run as gather
from modelyard.steps.tuning.handed import run as try_once
from modelyard.trials import key_of

pytestmark = pytest.mark.e2e

STUDY = {
    "training": {
        "engine": "sklearn", "model": "HistGradientBoostingClassifier", "params": {"max_iter": 3}, "seed": 7,
        "target": {"name": "late", "sql": "delay > 14"},
    },
    "evaluate": {},
    "objectives": {"roc_auc": "maximize"},
    "space": {"learning_rate": {"from": 0.01, "to": 0.3, "log": True}, "max_leaf_nodes": {"choices": [4, 31]}},
    "budget": {"trials": 4},
}  # fmt: skip
OUTPUTS = ("model", "trials", "plots")


def context(workshop: Any, data: Any, **study: Any) -> Any:
    made = workshop.context("tuning.late", "tune", STUDY, data, OUTPUTS)
    return replace(made, document=replace(made.document, fingerprint="b3:" + "5" * 64, study=study))


@pytest.fixture
def data(workshop: Any) -> Any:
    return {
        "train": workshop.table(rows=300, drop=("delay",)),
        "val": workshop.table("val", 200, seed=2, drop=("delay",)),
    }


def trial(name: str, state: str, rate: str, nodes: str = "4") -> dict[str, Any]:
    return {"name": name, "state": state, "words": {"learning_rate": rate, "max_leaf_nodes": nodes}}


def test_trials_are_told_by_their_metric_and_gathered_into_a_study(workshop: Any, data: Any) -> None:
    told = [
        trial("s-one", "complete", "0.2"),
        trial("s-two", "complete", "0.011", "31"),
        trial("s-three", "pruned", "0.1"),
        trial("s-four", "complete", "0.1"),  # and left nothing
    ]
    values = []
    for one in told[:2]:
        ctx = context(workshop, data, trial=one["name"], words=one["words"])
        try_once(ctx)
        events = [event for event in workshop.events if event["event"] == "trial"]
        assert events[-1]["metric"] == "roc_auc"
        values.append(events[-1]["value"])
        kept = ctx.store.get_result(key_of(ctx.document.fingerprint, one["name"]))
        assert kept.metrics == {"roc_auc": values[-1]}

    ctx = context(workshop, data, trials=told)
    result = gather(ctx)

    assert result.metrics == {"roc_auc": max(values), "trials": 4.0}
    found = json.loads((ctx.outputs["trials"] / "trials.json").read_text())
    assert [one["state"] for one in found["trials"]] == ["complete", "complete", "pruned", "fail"]
    assert found["trials"][1]["params"] == {"learning_rate": 0.011, "max_leaf_nodes": 31}
    assert found["best"] == values.index(max(values))
    assert Model.load(ctx.outputs["model"]).task == "classify"
    assert "(s-four) is told to be complete" in str(workshop.events)


def test_a_trial_that_fails_fails_its_pod(workshop: Any, data: Any) -> None:
    ctx = context(workshop, data, trial="s-one", words={"learning_rate": "0.2", "max_leaf_nodes": "4"})
    broken = {**STUDY, "objectives": {"no_such": "maximize"}}
    with pytest.raises(ModelyardError, match="no `no_such`"):
        try_once(
            replace(ctx, config=broken, document=replace(ctx.document, node={**ctx.document.node, "config": broken}))
        )


def test_words_of_another_study_are_refused(workshop: Any, data: Any) -> None:
    with pytest.raises(ModelyardError, match="no parameters of the study"):
        try_once(context(workshop, data, trial="s-one", words={"learning_rate": "0.2"}))
