"""A folder of images as the steps keep it: `images/`, `labels/`, `dataset.json`."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.data.yolo import Picture, label_text, parse_line, read_lines

DATASET = "dataset.json"


def is_pictures(folder: Path) -> bool:
    return (folder / DATASET).is_file()


def read_dataset(folder: Path) -> dict[str, Any]:
    """`dataset.json`. Raises ModelyardError where the folder holds no images as `ingest` writes them."""
    if not is_pictures(folder):
        raise ModelyardError(
            "this is not a folder of images", code="not-images", fix="It has images/, labels/ and dataset.json."
        )
    dataset: dict[str, Any] = json.loads((folder / DATASET).read_text(encoding="utf-8"))
    return dataset


def image_files(folder: Path) -> list[Path]:
    return sorted((folder / "images").iterdir(), key=lambda path: path.name)


def label_lines(folder: Path, image: Path) -> list[str]:
    path = folder / "labels" / f"{image.stem}.txt"
    return read_lines(path) if path.is_file() else []


def copy_pictures(chosen: Sequence[Picture], folder: Path) -> None:
    """Images byte for byte, and a label file where the source has one."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for picture in chosen:
        shutil.copyfile(picture.path, folder / "images" / picture.name)
        if picture.label is not None:
            text = label_text(picture.label)
            (folder / "labels" / f"{picture.stem}.txt").write_text(text, encoding="utf-8")


def link_pictures(chosen: Sequence[Picture], data: Path, folder: Path) -> None:
    """A split: the same files again, without taking their room twice."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for picture in chosen:
        _link(data / "images" / picture.name, folder / "images" / picture.name)
        if picture.label is not None:
            _link(data / "labels" / f"{picture.stem}.txt", folder / "labels" / f"{picture.stem}.txt")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def boxes_by_class(chosen: Sequence[Picture]) -> Counter[int]:
    return Counter(label for picture in chosen for label in classes_of(picture))


def classes_of(picture: Picture) -> list[int]:
    lines = read_lines(picture.label) if picture.label is not None else []
    return [box.label for box in map(parse_line, lines) if box is not None]


def write_dataset(folder: Path, chosen: Sequence[Picture], classes: Sequence[str], boxes: Counter[int]) -> int:
    """`dataset.json`, and the size of the images and labels in bytes."""
    size = sum(file.stat().st_size for part in ("images", "labels") for file in (folder / part).iterdir())
    names = {str(name): boxes[number] for number, name in enumerate(classes)}
    unlabelled = sum(picture.label is None for picture in chosen)
    facts = {"count": len(chosen), "classes": list(classes), "bytes": size, "boxes": names, "unlabelled": unlabelled}
    (folder / DATASET).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return size
