"""A model folder ready to answer: its signature and its ONNX session."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image

from modelyard.errors import ModelyardError
from modelyard.inference.detect import Detections, decode
from modelyard.inference.preprocess import prepare_image
from modelyard.inference.tabular import Predictions, decode_outputs, encode_columns


def read_signature(folder: Path) -> dict[str, Any]:
    """The model's `signature.json`. Raises ModelyardError where it is missing or is no JSON object."""
    path = folder / "signature.json"
    try:
        signature = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelyardError(f"{path.name} of the model cannot be read: {error}", code="bad-signature") from error
    if not isinstance(signature, dict):
        raise ModelyardError(f"{path.name} of the model is no object", code="bad-signature")
    return signature


def open_session(path: Path, threads: int = 0) -> ort.InferenceSession:
    """An ONNX Runtime session: on CUDA where onnxruntime-gpu finds it, else on the CPU (`threads` 0: all cores)."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    wanted = [
        name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in ort.get_available_providers()
    ]
    try:
        return ort.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:  # onnxruntime raises types of its own C++ binding
        raise ModelyardError(f"{path.name} does not load in ONNX Runtime: {error}", code="bad-model") from error


class Model:
    """Answers for rows (`predict`) or pictures (`detect`, `classify`); thread-safe, as ONNX Runtime's sessions are."""

    def __init__(self, signature: Mapping[str, Any], session: ort.InferenceSession) -> None:
        self.signature = signature
        self.session = session
        self.task = str(signature["task"])
        self.classes = tuple(map(str, signature.get("classes", ())))

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> "Model":
        return cls(read_signature(folder), open_session(folder / "model.onnx", threads))

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name. Raises ModelyardError for feeds that the graph does not take."""
        names = [output.name for output in self.session.get_outputs()]
        try:
            return dict(zip(names, self.session.run(names, dict(feeds)), strict=True))
        except Exception as error:  # as above
            raise ModelyardError(f"the model does not take this input: {error}", code="bad-input") from error

    def predict(self, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> Predictions:
        return decode_outputs(self.run(encode_columns(columns, self.signature)), self.signature)

    def classify(self, images: Sequence[Image.Image]) -> Predictions:
        batch = np.stack([prepare_image(image, self.signature["preprocess"])[0] for image in images])
        return decode_outputs(self.run({self.signature["inputs"][0]["name"]: batch}), self.signature)

    def detect(
        self, images: Sequence[Image.Image], *, threshold: float | None = None, multi_label: bool = False
    ) -> list[Detections]:
        """Boxes of each picture in its own pixels. `threshold` defaults to the signature's."""
        prepared = [prepare_image(image, self.signature["preprocess"]) for image in images]
        batch = np.stack([tensor for tensor, _ in prepared])
        outputs = self.run({self.signature["inputs"][0]["name"]: batch})[self.signature["outputs"][0]["name"]]
        level = self.signature.get("threshold", 0.25) if threshold is None else threshold
        iou = self.signature.get("nms", {}).get("iou", 0.7)
        found = [decode(output, threshold=level, iou=iou, multi_label=multi_label) for output in outputs]
        return [
            Detections(box.restore(one.boxes), one.scores, one.classes)
            for one, (_, box) in zip(found, prepared, strict=True)
        ]
