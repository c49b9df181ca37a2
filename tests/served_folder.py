"""A store beside a remote folder, and versions of a small model in it: numbers are multiplied, words come back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from modelyard.store import Store

SIGNATURE = {
    "task": "regress",
    "columns": [{"name": "x", "type": "number"}, {"name": "word", "type": "category"}],
    "inputs": [{"name": "x"}, {"name": "word"}],
    "outputs": [{"name": "prediction"}],
}


def model_folder(folder: Path, factor: float) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["prediction"]), helper.make_node("Identity", ["word"], ["echo"])],
        "m",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("word", TensorProto.STRING, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("echo", TensorProto.STRING, [None, 1]),
        ],
        [numpy_helper.from_array(np.array([factor], np.float32), "factor")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder.mkdir(parents=True)
    onnx.save(made, folder / "model.onnx")
    (folder / "signature.json").write_text(json.dumps(SIGNATURE))
    return folder


def promote(root: Path, remote: Path, version: int, factor: float, stage: str = "production") -> dict[str, Any]:
    """A version of `m`, in a stage; gives its record."""
    store = Store.open({"remote": str(remote)}, root)
    digest = store.put_tree(model_folder(root / f"made-{version}", factor)).digest
    record = {"name": "m", "version": version, "stages": [stage], "passed": True, "model": digest}
    store.put_ref(f"registry/m/{stage}", record)
    return record
