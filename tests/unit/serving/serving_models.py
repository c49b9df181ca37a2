"""Tiny models that answer what a test can foresee."""

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from modelyard.serving.settings import ServerSettings

SIDE = 32


def save(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, np.ndarray]) -> None:
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def make_detector(folder: Path, scores: tuple[float, float] = (0.9, 0.8)) -> Path:
    """Two boxes, `zero` at (8, 8) and `one` at (24, 24), scored by the picture's brightness; and a weaker double."""
    folder.mkdir(parents=True)
    boxes = np.array([[8, 8, 8, 8], [24, 24, 8, 8], [8.5, 8, 8, 8]], np.float32).T
    marks = np.array([[scores[0], 0, scores[0] / 2], [0, scores[1], 0]], np.float32)
    fixed = np.concatenate([boxes, np.zeros((2, 3), np.float32)])[None]
    scaled = np.concatenate([np.zeros((4, 3), np.float32), marks])[None]
    save(
        folder / "model.onnx",
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Reshape", ["mean", "shape"], ["bright"]),
            helper.make_node("Mul", ["bright", "scaled"], ["scores"]),
            helper.make_node("Add", ["scores", "fixed"], ["output0"]),
        ],
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["n", 6, 3])],
        {"shape": np.array([-1, 1, 1], np.int64), "fixed": fixed, "scaled": scaled},
    )
    signature = {
        "task": "detect", "engine": "ultralytics", "classes": ["zero", "one"], "threshold": 0.25,
        "preprocess": {"imgsz": SIDE, "letterbox": True, "scale": 255},
        "inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 3, SIDE, SIDE]}],
        "outputs": [{"name": "output0", "datatype": "FP32", "shape": [-1, 6, 3]}],
    }  # fmt: skip
    (folder / "signature.json").write_text(json.dumps(signature))
    return folder


def make_classifier(folder: Path) -> Path:
    """Probability of `late` is the logistic function of `delay`; `carrier` is read and not used."""
    folder.mkdir(parents=True)
    save(
        folder / "model.onnx",
        [
            helper.make_node("Sigmoid", ["delay"], ["late"]),
            helper.make_node("Sub", ["one", "late"], ["early"]),
            helper.make_node("Concat", ["early", "late"], ["probabilities"], axis=1),
            helper.make_node("Identity", ["carrier"], ["echo"]),
        ],
        [
            helper.make_tensor_value_info("delay", TensorProto.FLOAT, ["n", 1]),
            helper.make_tensor_value_info("carrier", TensorProto.STRING, ["n", 1]),
        ],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("echo", TensorProto.STRING, ["n", 1]),
        ],
        {"one": np.ones((1, 1), np.float32)},
    )
    signature = {
        "task": "classify", "engine": "sklearn", "classes": ["0", "1"],
        "columns": [{"name": "delay", "type": "number"}, {"name": "carrier", "type": "category", "categories": ["AA"]}],
        "inputs": [
            {"name": "delay", "datatype": "FP32", "shape": [-1, 1], "column": "delay"},
            {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1], "column": "carrier"},
        ],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
    }  # fmt: skip
    (folder / "signature.json").write_text(json.dumps(signature))
    return folder


def picture(colour: str = "white", size: tuple[int, int] = (64, 64)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def logged(settings: ServerSettings, count: int) -> list[dict[str, Any]]:
    """The prediction log once it has `count` lines, which comes within seconds."""
    until = time.monotonic() + 15
    lines: list[str] = []
    while len(lines) < count and time.monotonic() < until:
        time.sleep(0.05)
        lines = [line for path in settings.predictions.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == count
    return [json.loads(line) for line in lines]
