"""A folder of pictures with YOLO labels, one at a time: `images/<name>.png`, `labels/<name>.txt`, `dataset.json`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from modelyard.errors import ModelyardError
from modelyard.evaluation.detection import Truth
from modelyard.inference.preprocess import read_image

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Labelled:
    name: str
    image: Image.Image
    truth: Truth


def read_classes(folder: Path) -> tuple[str, ...]:
    """Class names of a folder of pictures. Raises ModelyardError where `dataset.json` is missing or names none."""
    path = folder / "dataset.json"
    if not path.is_file():
        raise ModelyardError(
            "the data is no folder of labelled pictures",
            fix="Training and evaluating a detector need a source of `type: images` with `labels: yolo`",
            code="bad-data",
        )
    classes = json.loads(path.read_text(encoding="utf-8")).get("classes") or []
    if not classes:
        raise ModelyardError("the pictures have no labels: no class is named in dataset.json", code="bad-data")
    return tuple(str(name) for name in classes)


def image_paths(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "images").rglob("*") if path.suffix.lower() in SUFFIXES)


def labelled_images(folder: Path) -> Iterator[Labelled]:
    """Pictures in order of name, with their boxes in pixels; a picture without a label file has none."""
    for path in image_paths(folder):
        image = read_image(path)
        relative = path.relative_to(folder / "images").with_suffix(".txt")
        yield Labelled(path.stem, image, read_labels(folder / "labels" / relative, image.width, image.height))


def read_labels(path: Path, width: int, height: int) -> Truth:
    """The boxes of one label file: lines of class, centre x, centre y, width, height as shares of the picture."""
    rows = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    try:
        values = np.array([[float(part) for part in row.split()[:5]] for row in rows if row.strip()], np.float64)
        values = values.reshape(-1, 5)
    except ValueError as error:
        raise ModelyardError(f"labels/{path.name} is no YOLO label file: {error}", code="bad-data") from error
    centre, size = values[:, 1:3], values[:, 3:5]
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1) * [width, height, width, height]
    return Truth(boxes.astype(np.float32), values[:, 0].astype(np.int64))
