"""Slow truths about engines: a YOLO that survives a kill, stays off the network, and studies in several processes."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from modelyard.inference.session import Model

pytestmark = pytest.mark.e2e

SMALL = """
nc: 2
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, C2f, [32, True]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, C2f, [64, True]]
head:
  - [[3, 5], 1, Detect, [nc]]
"""
PARAMS = {"epochs": 3, "imgsz": 96, "batch": 4, "nbs": 4, "optimizer": "AdamW", "lr0": 0.003, "mosaic": 0.0}
DETECTOR = {"engine": "ultralytics", "model": "small.yaml", "params": PARAMS, "seed": 7}


@pytest.fixture
def workshop(workshop):
    (workshop.root / "small.yaml").write_text(SMALL)
    return workshop


PROLOGUE = """
import json, os, sys
from pathlib import Path
from modelyard.engines import load_engine
from modelyard.engines.base import TrainJob

given = json.load(sys.stdin)
paths = {name: Path(value) for name, value in given["paths"].items()}

def train(report):
    config = given["config"]
    load_engine("ultralytics").train(TrainJob(config, config["params"], seed=7, report=report, **paths))
"""


def in_own_process(workshop, context, data, script, environment):
    """Train the detector in a process of its own, where no other test has loaded anything; `script` calls `train`."""
    checkpoints = context.workdir / "checkpoints"
    checkpoints.mkdir()
    paths = {**data, "out": context.outputs["model"], "checkpoints": checkpoints, "root": workshop.root}
    given = json.dumps({"config": DETECTOR, "paths": {name: str(path) for name, path in paths.items()}})
    program = PROLOGUE + textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, "-c", program], input=given, text=True, check=False, env=environment, stdout=subprocess.PIPE
    )


def test_a_detector_is_trained_exported_and_scored_without_the_network(workshop, monkeypatch):
    import socket

    def refuse(self, address, *rest):
        raise AssertionError(f"the network was asked for {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    data = {"train": workshop.scenes(count=16), "val": workshop.scenes("val", 4, seed=2)}
    result, outputs = workshop.step("training.d", "train", DETECTOR, data, ("model", "plots"))
    inputs = {"model": outputs["model"], "data": workshop.scenes("test", 6, seed=3)}
    scored, found = workshop.step(
        "training.d.evaluate", "evaluate", {"engine": "ultralytics"}, inputs, ("metrics", "plots")
    )

    assert set(result.metrics) == set(scored.metrics) == {"mAP50", "mAP50_95", "precision", "recall"}
    assert {path.name for path in outputs["model"].iterdir()} >= {
        "model.onnx",
        "best.pt",
        "model.safetensors",
        "model.yaml",
    }
    assert {path.name for path in found["plots"].iterdir()} == {"confusion.png", "precision_recall.png", "samples.png"}
    epochs = [event for event in workshop.events if event.get("values", {}).get("mAP50") is not None]
    assert [event["done"] for event in epochs] == [1, 2, 3]
    session = Model.load(outputs["model"]).session
    for size in (1, 3):
        assert session.run(None, {"images": np.zeros((size, 3, 96, 96), np.float32)})[0].shape[0] == size


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core leaves nothing to tell apart")
@pytest.mark.parametrize("asked", [None, "1"])
def test_every_core_that_the_process_may_use_trains(workshop, asked):
    data = {"train": workshop.scenes(count=8), "val": workshop.scenes("val", 4, seed=2)}
    context = workshop.context("training.d", "train", DETECTOR, data, ("model", "plots"))
    script = """
        import torch
        used = set()
        def report(done, total, values):
            used.add(torch.get_num_threads())
        train(report)
        print("THREADS", sorted(used))
    """
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = in_own_process(
        workshop, context, data, script, {**environment, **({"OMP_NUM_THREADS": asked} if asked else {})}
    )

    assert f"THREADS [{asked or len(os.sched_getaffinity(0))}]" in done.stdout


def test_the_safetensors_and_the_yaml_are_the_same_network(workshop):
    import torch
    from safetensors.torch import load_file

    data = {"train": workshop.scenes(count=8)}
    _, outputs = workshop.step(
        "training.d", "train", {**DETECTOR, "params": {**PARAMS, "epochs": 1}}, data, ("model", "plots")
    )
    from ultralytics.nn.tasks import DetectionModel

    network = DetectionModel(str(outputs["model"] / "model.yaml"), verbose=False)
    network.load_state_dict(
        {name: tensor.float() for name, tensor in load_file(outputs["model"] / "model.safetensors").items()}
    )
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        native = network.eval()(picture)[0].numpy()
    served = Model.load(outputs["model"]).session.run(None, {"images": picture.numpy()})[0]
    assert np.allclose(native, served, atol=0.05)


def test_a_detector_killed_in_its_second_epoch_goes_on_after_the_first(workshop):
    data = {"train": workshop.scenes(count=16), "val": workshop.scenes("val", 4, seed=2)}
    context = workshop.context("training.d", "train", DETECTOR, data, ("model", "plots"))
    script = """
        def report(done, total, values):
            if done > 1:
                os.kill(os.getpid(), 9)
        train(report)
    """
    dead = in_own_process(workshop, context, data, script, dict(os.environ))
    assert dead.returncode == -9

    workshop.step("training.d", "train", DETECTOR, data, ("model", "plots"), workdir=context.workdir)
    told = [event["done"] for event in workshop.events if event.get("values", {}).get("mAP50") is not None]
    assert told == [2, 3]
    assert any("going on" in text for text in workshop.texts("note"))


def test_trials_run_at_once_in_processes_of_their_own(workshop):
    data = {
        "train": workshop.table(rows=300, drop=("delay",)),
        "val": workshop.table("val", 200, seed=2, drop=("delay",)),
    }
    config = {
        "training": {
            "engine": "sklearn", "model": "HistGradientBoostingClassifier", "params": {"max_iter": 10}, "seed": 7,
            "target": {"name": "late", "sql": "delay > 14"},
        },
        "objectives": {"roc_auc": "maximize"},
        "space": {"max_leaf_nodes": {"from": 4, "to": 31, "int": True}},
        "sampler": "random", "seed": 3, "budget": {"trials": 3, "parallel": 2},
    }  # fmt: skip
    result, outputs = workshop.step("tuning.late", "tune", config, data, ("model", "trials", "plots"))

    told = json.loads((outputs["trials"] / "trials.json").read_text())["trials"]
    assert [trial["state"] for trial in told] == ["complete"] * 3
    assert result.metrics["roc_auc"] == max(trial["values"]["roc_auc"] for trial in told)
