"""The torch engine: a network that Modelyard trains, or the user's own training, as one ONNX file of raw columns."""

import json
import sys
import textwrap

import pytest

from modelyard.errors import ModelyardError
from modelyard.inference.session import Model

pytestmark = pytest.mark.e2e

NETWORK = """
import torch
from torch import nn

def build(inputs, outputs, hidden=16):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

def fit(job, epochs=3):
    module = nn.Linear(job.width, max(len(job.classes), 1))
    first = (job.load() or {"epoch": 0})["epoch"]
    for epoch in range(first, epochs):
        job.report(epoch + 1, epochs, loss=1.0 / (epoch + 1))
        job.save({"epoch": epoch + 1})
    return module

def pictures(job):
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2), nn.Softmax(1))
    return module, {
        "task": "classify", "classes": ["a", "b"], "preprocess": {"imgsz": 8},
        "inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 3, 8, 8]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
    }

def nothing(job):
    return 7
"""


@pytest.fixture
def network(workshop, monkeypatch):
    (workshop.root / "network.py").write_text(textwrap.dedent(NETWORK))
    monkeypatch.syspath_prepend(str(workshop.root))
    yield
    sys.modules.pop("network", None)


def train(workshop, call, target, data, **params):
    config = {"engine": "torch", "call": call, "seed": 3, "params": params, "target": {"name": target, "sql": target}}
    return workshop.step("training.net", "train", config, data, ("model", "plots"))


def test_a_network_is_trained_and_takes_raw_columns(workshop, network):
    data = {"train": workshop.table(drop=("delay",)), "val": workshop.table("val", 200, seed=2, drop=("delay",))}
    result, outputs = train(workshop, "network:build", "late", data, epochs=15, learning_rate=0.01, hidden=8)

    assert result.metrics["roc_auc"] > 0.9
    answers = Model.load(outputs["model"]).predict({"air temp": [None], "distance": [2900], "carrier": ["AA"]})
    assert list(answers.labels) == ["true"]
    assert {"model.onnx", "model.safetensors", "signature.json", "train_metrics.json"} == {
        path.name for path in outputs["model"].iterdir()
    }
    assert (outputs["plots"] / "training.png").is_file()


def test_a_number_is_learnt_too(workshop, network):
    data = {"train": workshop.table(drop=("late",)), "val": workshop.table("val", 200, seed=2, drop=("late",))}
    result, _ = train(workshop, "network:build", "delay", data, epochs=40, learning_rate=0.02)

    assert result.metrics["r2"] > 0.6


def test_the_users_own_training_goes_on_from_its_checkpoint(workshop, network):
    data = {"train": workshop.table(rows=100, drop=("delay",))}
    train(workshop, "network:fit", "late", data)

    told = [event["done"] for event in workshop.events if event["event"] == "progress"]
    assert told == [1, 2, 3]


def test_a_network_for_pictures_brings_its_signature(workshop, network):
    _, outputs = train(workshop, "network:pictures", "x", {"train": workshop.scenes()})

    signature = json.loads((outputs["model"] / "signature.json").read_text())
    assert signature["classes"] == ["a", "b"]
    from PIL import Image

    answers = Model.load(outputs["model"]).classify([Image.new("RGB", (20, 10))] * 3)
    assert answers.probabilities.shape == (3, 2)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("network:nothing", "the function gave int back"),
        ("network:gone", "`network` has no `gone`"),
        ("nowhere:build", "no module `nowhere`"),
    ],
)
def test_what_is_no_training_function_is_told(workshop, network, call, what):
    with pytest.raises(ModelyardError, match=what):
        train(workshop, call, "late", {"train": workshop.table(rows=60, drop=("delay",))})
