"""The command engine: the user's own program trains, and its model is checked before anyone relies on it."""

import json
import textwrap

import pytest

from modelyard.errors import ModelyardError

PROGRAM = """
import json, os, sys
from pathlib import Path
import onnx
from onnx import TensorProto, helper

out = Path(sys.argv[1])
rate = float(sys.argv[2])
if rate > 1:
    sys.exit(3)
x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
y = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1])
by = helper.make_tensor("by", TensorProto.FLOAT, [1], [1 / 200])
graph = helper.make_graph([helper.make_node("Mul", ["x", "by"], ["prediction"])], "g", [x], [y], [by])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(model, out / "model.onnx")
signature = {"columns": [{"name": "distance", "type": "number"}], "seed": os.environ["MODELYARD_SEED"]}
(out / "signature.json").write_text(json.dumps(signature))
"""


@pytest.fixture
def program(workshop):
    (workshop.root / "train.py").write_text(textwrap.dedent(PROGRAM))


def train(workshop, rate, **more):
    config = {
        "engine": "command",
        "run": ["python", "train.py", "${outputs.model}", "${params.rate}"],
        "params": {"rate": rate},
        "seed": 5,
        "target": {"name": "delay", "sql": "delay"},
        "task": "regress",
        **more,
    }
    data = {"train": workshop.table(drop=("late",)), "val": workshop.table("val", 100, seed=2, drop=("late",))}
    return workshop.step("training.own", "train", config, data, ("model", "plots"))


def test_the_programs_model_is_scored_and_its_signature_completed(workshop, program):
    result, outputs = train(workshop, 0.5)

    assert result.metrics["mae"] < 5
    signature = json.loads((outputs["model"] / "signature.json").read_text())
    assert signature["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}]
    assert signature["task"] == "regress"
    assert signature["seed"] == "5"


def test_a_program_that_fails_is_told(workshop, program):
    with pytest.raises(ModelyardError, match="ended with exit code 3"):
        train(workshop, 2)


def test_a_name_that_is_not_there_is_told_with_what_is(workshop, program):
    with pytest.raises(ModelyardError, match="names nothing") as caught:
        train(workshop, 0.5, run=["python", "train.py", "${outputs.modle}"])
    assert "${outputs.model}" in caught.value.fix


def test_a_program_that_leaves_no_model_is_told(workshop, program):
    with pytest.raises(ModelyardError, match=r"left no model\.onnx"):
        train(workshop, 0.5, run=["python", "-c", "pass"])
