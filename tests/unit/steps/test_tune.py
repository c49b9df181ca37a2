"""Studies: the best trial's model, the same trials again, trials that outlive a kill, nested runs."""

import csv
import json

import pytest

from modelyard.errors import ModelyardError
from modelyard.inference.session import Model

pytestmark = pytest.mark.e2e

TRAINING = {
    "engine": "sklearn",
    "model": "HistGradientBoostingClassifier",
    "params": {"max_iter": 10},
    "seed": 7,
    "target": {"name": "late", "sql": "delay > 14"},
}
STUDY = {
    "training": TRAINING,
    "evaluate": {},
    "objectives": {"roc_auc": "maximize"},
    "space": {
        "learning_rate": {"from": 0.01, "to": 0.3, "log": True},
        "max_leaf_nodes": {"from": 4, "to": 31, "int": True},
        "l2_regularization": {"choices": [0, 0.1, 1]},
    },
    "sampler": "tpe",
    "seed": 3,
    "budget": {"trials": 4, "parallel": 1},
}
OUTPUTS = ("model", "trials", "plots")


def tables(workshop):
    return {
        "train": workshop.table(rows=300, drop=("delay",)),
        "val": workshop.table("val", 200, seed=2, drop=("delay",)),
    }


@pytest.fixture
def data(workshop):
    return tables(workshop)


@pytest.fixture(scope="module")
def studied(shared_workshop):
    """The study once through, from its first trial to its fourth: result and outputs."""
    return shared_workshop.step("tuning.late", "tune", STUDY, tables(shared_workshop), OUTPUTS)


@pytest.fixture
def trial_module():
    from modelyard.steps.tuning import trial

    return trial


def trials_of(outputs):
    return json.loads((outputs["trials"] / "trials.json").read_text())


def test_the_best_trials_model_comes_out_with_all_trials_told(studied):
    result, outputs = studied
    told = trials_of(outputs)
    values = [trial["values"]["roc_auc"] for trial in told["trials"]]
    assert len(values) == 4
    assert result.metrics["roc_auc"] == max(values) == values[told["best"]]
    assert set(told["trials"][0]["params"]) == set(STUDY["space"])
    assert Model.load(outputs["model"]).task == "classify"
    with (outputs["trials"] / "trials.csv").open() as stream:
        assert next(csv.reader(stream))[:3] == ["number", "state", "roc_auc"]
    assert {"search.png", "parameters.png"} <= {path.name for path in outputs["plots"].iterdir()}


def test_a_study_killed_in_its_third_trial_goes_on_to_the_same_trials(
    studied, workshop, data, trial_module, monkeypatch
):
    train, calls = trial_module._train, []

    def dying(task, *rest):
        calls.append(task.number)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(task, *rest)

    workdir = workshop.root / "killed"
    monkeypatch.setattr(trial_module, "_train", dying)
    with pytest.raises(KeyboardInterrupt):
        workshop.step("tuning.late", "tune", STUDY, data, OUTPUTS, workdir=workdir)
    _, resumed = workshop.step("tuning.late", "tune", STUDY, data, OUTPUTS, workdir=workdir)

    assert calls == [0, 1, 2, 2, 3]
    assert trials_of(resumed) == trials_of(studied[1])


def test_trials_are_nested_runs_of_the_study(studied, shared_workshop):
    result, _ = studied
    client = shared_workshop.mlflow
    experiment = client.get_experiment_by_name("workshop").experiment_id
    parent = result.recorded["mlflow_run"]
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert {run.info.run_name for run in children} == {f"tuning.late.trial-{number}" for number in range(4)}
    assert all("val_roc_auc" in run.data.metrics and "learning_rate" in run.data.params for run in children)
    assert client.get_run(parent).data.params["best.learning_rate"]


def test_several_objectives_give_the_best_by_the_first_of_those_that_none_beats(workshop, data):
    config = {
        **STUDY,
        "objectives": {"log_loss": "minimize", "recall": "maximize"},
        "sampler": "nsgaii",
        "budget": {"trials": 3},
    }
    result, outputs = workshop.step("tuning.late", "tune", config, data, OUTPUTS)

    losses = [trial["values"]["log_loss"] for trial in trials_of(outputs)["trials"]]
    assert result.metrics["log_loss"] == min(losses)


def test_a_grid_ends_where_it_is_through(workshop, data):
    space = {"max_leaf_nodes": {"choices": [4, 8]}, "max_iter": {"from": 5, "to": 10, "step": 5, "int": True}}
    config = {**STUDY, "sampler": "grid", "space": space, "budget": {"trials": 50}}
    _, outputs = workshop.step("tuning.late", "tune", config, data, OUTPUTS)

    tried = {tuple(trial["params"].values()) for trial in trials_of(outputs)["trials"]}
    assert tried == {(5, 4), (5, 8), (10, 4), (10, 8)}
    assert len(trials_of(outputs)["trials"]) == 4


def test_a_trial_that_fails_is_told_and_the_study_goes_on(workshop, data):
    space = {"max_leaf_nodes": {"choices": [1, 8]}}  # one leaf is no tree: scikit-learn refuses it
    config = {**STUDY, "sampler": "grid", "space": space, "budget": {"trials": 2}}
    _, outputs = workshop.step("tuning.late", "tune", config, data, OUTPUTS)

    assert sorted(trial["state"] for trial in trials_of(outputs)["trials"]) == ["complete", "fail"]
    assert any("max_leaf_nodes" in text for text in workshop.texts("warning"))


def test_a_study_without_one_good_trial_is_an_error(workshop, data):
    config = {**STUDY, "space": {"max_leaf_nodes": {"choices": [1, 0]}}, "budget": {"trials": 20}}
    with pytest.raises(ModelyardError, match="none of 5 trials finished"):
        workshop.step("tuning.late", "tune", config, data, OUTPUTS)


def test_the_pruner_ends_a_trial_that_will_not_win(workshop, data, trial_module, monkeypatch):
    """The engine is the real one; what it reports between is ours, for scikit-learn reports nothing between."""
    train = trial_module._train

    def reporting(task, config, recorder, tell):
        pruning = trial_module._Pruning(task, config)
        for step in range(1, 6):
            pruning.look(step, {"roc_auc": 0.9 if task.number < 3 else 0.1})
        return train(task, {**config, "pruner": "none"}, recorder, tell)

    monkeypatch.setattr(trial_module, "_train", reporting)
    config = {**STUDY, "pruner": "median", "budget": {"trials": 5}}
    _, outputs = workshop.step("tuning.late", "tune", config, data, OUTPUTS)

    assert [trial["state"] for trial in trials_of(outputs)["trials"]] == ["complete"] * 3 + ["pruned"] * 2


def test_no_trial_starts_after_the_time_is_up(workshop, data):
    config = {**STUDY, "budget": {"trials": 50, "time": 0.2}}
    _, outputs = workshop.step("tuning.late", "tune", config, data, OUTPUTS)

    assert 1 <= len(trials_of(outputs)["trials"]) < 10
