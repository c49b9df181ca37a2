"""A training step: a model folder that answers, its metrics, and its run in MLflow."""

import json

import pytest

from modelyard.errors import ModelyardError
from modelyard.inference.session import Model

pytestmark = pytest.mark.e2e

FOREST = {
    "engine": "sklearn",
    "model": "HistGradientBoostingClassifier",
    "params": {"max_iter": 20},
    "seed": 7,
    "target": {"name": "late", "sql": "delay > 14"},
}
OUTPUTS = ("model", "plots")


def test_a_trained_model_answers_from_its_onnx_file_and_scores_on_val(workshop):
    data = {"train": workshop.table(drop=("delay",)), "val": workshop.table("val", 200, seed=2, drop=("delay",))}
    result, outputs = workshop.step("training.late", "train", FOREST, data, OUTPUTS)

    assert result.metrics["roc_auc"] > 0.9
    answer = Model.load(outputs["model"]).predict(
        {"air temp": [None, 3.5], "distance": [200, 2900], "carrier": ["UA", "AA"]}
    )
    assert list(answer.labels) == ["false", "true"]
    signature = json.loads((outputs["model"] / "signature.json").read_text())
    assert signature["columns"][2] == {"name": "carrier", "type": "category", "categories": ["", "AA", "B6", "UA"]}
    assert json.loads((outputs["model"] / "train_metrics.json").read_text())["data"] == "val"


def test_the_same_training_makes_the_same_bytes(workshop):
    data = {"train": workshop.table(drop=("delay",))}
    digests = set()
    for _ in range(2):
        _, outputs = workshop.step("training.late", "train", FOREST, data, OUTPUTS)
        digests.add(workshop.store.put_tree(outputs["model"]).digest)

    assert len(digests) == 1


def test_the_run_is_in_mlflow_with_params_metrics_model_and_what_it_read(workshop):
    import mlflow

    train = workshop.table(drop=("delay",))
    data = {"train": train, "val": workshop.table("val", 200, seed=2, drop=("delay",))}
    result, _ = workshop.step("training.late", "train", FOREST, data, OUTPUTS)

    client = mlflow.MlflowClient(f"sqlite:///{workshop.root}/.modelyard/mlflow.db")
    run = client.get_run(result.recorded["mlflow_run"])
    assert run.info.status == "FINISHED"
    assert run.data.params["max_iter"] == "20"
    assert run.data.params["model"] == "HistGradientBoostingClassifier"
    assert run.data.metrics["val_roc_auc"] == pytest.approx(result.metrics["roc_auc"])
    assert run.data.tags["modelyard.address"] == "training.late"
    assert run.data.tags["modelyard.input.train"] == workshop.store.put_tree(train).digest
    assert run.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert [event for event in workshop.events if event["event"] == "warning"] == []


def test_a_dead_tracking_server_is_a_warning_and_the_training_goes_on(workshop, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    workshop.tracking = {"uri": "http://127.0.0.1:9"}
    data = {"train": workshop.table(rows=200, drop=("delay",))}
    _, outputs = workshop.step("training.late", "train", FOREST, data, OUTPUTS)

    assert (outputs["model"] / "model.onnx").is_file()
    assert len(workshop.texts("warning")) == 1
    assert "not recorded in MLflow" in workshop.texts("warning")[0]


def test_a_wrong_parameter_is_told_by_name(workshop):
    config = {**FOREST, "params": {"max_itre": 3}}
    with pytest.raises(ModelyardError, match="`max_itre` is not a parameter of HistGradientBoostingClassifier"):
        workshop.step("training.late", "train", config, {"train": workshop.table(rows=50)}, OUTPUTS)
