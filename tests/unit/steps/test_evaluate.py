"""An evaluation: metrics of held-out data through the ONNX file, slices, plots, in the training's own run."""

import json

import pytest

from modelyard.errors import ModelyardError

pytestmark = pytest.mark.e2e

TRAIN = {"engine": "sklearn", "model": "LogisticRegression", "target": {"name": "late", "sql": "delay > 14"}}
EVALUATE = {"engine": "sklearn", "target": TRAIN["target"]}


@pytest.fixture(scope="module")
def workshop(shared_workshop):
    return shared_workshop


@pytest.fixture(scope="module")
def model(workshop):
    result, outputs = workshop.step(
        "training.late", "train", TRAIN, {"train": workshop.table(drop=("delay",))}, ("model", "plots")
    )
    return outputs["model"], result.recorded["mlflow_run"]


@pytest.fixture(scope="module")
def inputs(workshop, model):
    return {"model": model[0], "data": workshop.table("test", 300, seed=3)}


def test_metrics_slices_and_plots(workshop, inputs):
    config = {**EVALUATE, "metrics": ["roc_auc", "log_loss"], "slices": ["carrier"]}
    result, outputs = workshop.step("training.late.evaluate", "evaluate", config, inputs, ("metrics", "plots"))

    found = json.loads((outputs["metrics"] / "metrics.json").read_text())
    assert found["metrics"] == result.metrics
    assert found["rows"] == 300
    assert set(found["slices"]["carrier"]) == {"", "AA", "B6", "UA"}
    assert sum(part["rows"] for part in found["slices"]["carrier"].values()) == 300
    assert {path.name for path in outputs["plots"].iterdir()} == {
        "confusion.png", "roc.png", "precision_recall.png", "calibration.png",
    }  # fmt: skip
    assert result.summary.startswith("roc_auc 0.9")


def test_the_scores_stand_in_the_run_that_made_the_model(workshop, model, inputs):
    result, _ = workshop.step("training.late.evaluate", "evaluate", EVALUATE, inputs, ("metrics", "plots"))

    client = workshop.mlflow
    assert result.recorded["mlflow_run"] == model[1]
    assert client.get_run(model[1]).data.metrics["roc_auc"] == pytest.approx(result.metrics["roc_auc"])
    assert {one.path for one in client.list_artifacts(model[1])} >= {"evaluation"}


def test_a_metric_of_another_task_is_refused(workshop, inputs):
    with pytest.raises(ModelyardError, match="`mAP50` is not a metric") as caught:
        workshop.step(
            "training.late.evaluate", "evaluate", {**EVALUATE, "metrics": ["mAP50"]}, inputs, ("metrics", "plots")
        )
    assert "roc_auc" in caught.value.fix
