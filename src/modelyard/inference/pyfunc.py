"""The model as MLflow's `pyfunc`: a DataFrame, or pictures, in; a DataFrame out.

MLflow copies this package beside the model, so that `mlflow.pyfunc.load_model` works where Modelyard is not installed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from modelyard.inference.preprocess import read_image
from modelyard.inference.session import Model


class PyfuncModel:
    """`predict` of a table's model takes a DataFrame (or a mapping of columns), of a picture's model pictures.

    Pictures are file paths, bytes, arrays (height, width, 3) or PIL images: a list of them, or a DataFrame with the
    column `image`.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """A frame with a row an input: `prediction` and a probability each class, or `boxes`, `scores`, `labels`."""
        import pandas as pd

        if "columns" not in self.model.signature:
            return pd.DataFrame(self._pictures(_pictures(model_input), params or {}))
        columns = {str(name): np.asarray(model_input[name], dtype=object) for name in model_input}
        found = self.model.predict(columns)
        frame = pd.DataFrame({"prediction": found.labels})
        if found.probabilities is not None:
            for name, values in zip(found.classes, found.probabilities.T, strict=True):
                frame[f"probability_{name}"] = values
        return frame

    def _pictures(self, images: Sequence[Image.Image], params: dict[str, Any]) -> list[dict[str, Any]]:
        if self.model.task == "detect":
            found = self.model.detect(images, threshold=params.get("threshold"))
            return [
                {
                    "boxes": one.boxes.tolist(),
                    "scores": one.scores.tolist(),
                    "labels": [self.model.classes[index] for index in one.classes],
                }
                for one in found
            ]
        answers = self.model.classify(images)
        return [{"prediction": label} for label in answers.labels]


def _pictures(model_input: Any) -> list[Image.Image]:
    items = list(model_input["image"]) if hasattr(model_input, "columns") else model_input
    items = items if isinstance(items, (list, tuple)) else [items]
    return [_picture(item) for item in items]


def _picture(item: Any) -> Image.Image:
    if isinstance(item, Image.Image):
        return item.convert("RGB")
    if isinstance(item, np.ndarray):
        return Image.fromarray(item.astype(np.uint8)).convert("RGB")
    return read_image(item if isinstance(item, bytes) else Path(item))


def _load_pyfunc(data_path: str) -> PyfuncModel:
    return PyfuncModel(Model.load(Path(data_path)))
