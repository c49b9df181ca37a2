"""Images with labels as YOLO writes them: beside each image a text file, a line a box.

Seen in the wild, all read here: `images/` beside `labels/` (with `train/`, `val/` below either), labels next to their
images, class names in `data.yaml`, `dataset.yaml`, `classes.txt`, `obj.names` or `_darknet.labels`, and polygons
(segmentation labels), which become the boxes around them.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.data.gather import Files

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif"})
_NAME_LISTS = ("classes.txt", "obj.names", "_darknet.labels", "predefined_classes.txt")


@dataclass(frozen=True, slots=True)
class Box:
    """Class number, centre and size as shares of the image."""

    label: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Picture:
    """`name` is unique without its ending; `source` is the name relative to the source; `label` its file, if any."""

    name: str
    source: str
    path: Path
    label: Path | None

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem


def pictures(files: Files, labelled: bool) -> list[Picture]:
    """The images of a source in the order of their names, each with its label file."""
    places = dict(files)
    images = [name for name in places if PurePosixPath(name).suffix.lower() in ENDINGS]
    names = _flat_names(images)
    return [
        Picture(names[name], name, places[name], _label(name, places) if labelled else None) for name in sorted(images)
    ]


def _flat_names(images: Sequence[str]) -> dict[str, str]:
    """Names for one folder: the file's own where they are unique, else with its folders, else with its ending, too."""
    renamings: tuple[Callable[[PurePosixPath], str], ...] = (
        lambda path: path.name,
        lambda path: "__".join(path.parts),
        lambda path: f"{'__'.join((*path.parts[:-1], path.stem))}-{path.suffix[1:]}{path.suffix}",
    )
    chosen: dict[str, str] = {}
    for rename in renamings:
        chosen = {name: rename(PurePosixPath(name)) for name in images}
        if len({PurePosixPath(name).stem.lower() for name in chosen.values()}) == len(chosen):
            break
    return chosen


def _label(name: str, places: Mapping[str, Path]) -> Path | None:
    path = PurePosixPath(name)
    if "images" in path.parts[:-1]:
        at = max(index for index, part in enumerate(path.parts[:-1]) if part == "images")
        beside = PurePosixPath(*path.parts[:at], "labels", *path.parts[at + 1 :]).with_suffix(".txt")
        if str(beside) in places:
            return places[str(beside)]
    for candidate in (path.with_suffix(".txt"), PurePosixPath("labels", path.name).with_suffix(".txt")):
        if str(candidate) in places:
            return places[str(candidate)]
    return None


def parse_line(line: str) -> Box | None:
    """The box of a line (of a polygon: the box around it), or None where the line is not one."""
    words = line.split()
    try:
        label, numbers = float(words[0]), [float(word) for word in words[1:]]
    except (ValueError, IndexError):
        return None
    if not all(map(math.isfinite, (label, *numbers))) or label != int(label) or label < 0:
        return None
    if len(numbers) == 4:
        return Box(int(label), *numbers)
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        xs, ys = numbers[::2], numbers[1::2]
        width, height = max(xs) - min(xs), max(ys) - min(ys)
        return Box(int(label), min(xs) + width / 2, min(ys) + height / 2, width, height)
    return None


def read_lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]


def label_text(path: Path) -> str:
    """The label file as the engines take it: boxes as they stand, polygons as boxes; bad lines stay for the checks."""
    lines = []
    for line in read_lines(path):
        box = parse_line(line)
        polygon = box is not None and len(line.split()) > 5
        lines.append(
            f"{box.label} {box.x:.6f} {box.y:.6f} {box.width:.6f} {box.height:.6f}" if box and polygon else line.strip()
        )
    return "".join(f"{line}\n" for line in lines)


def class_names(files: Files, address: str) -> list[str] | None:
    """The names of the classes in the order of their numbers, where the source tells. Raises ModelyardError."""
    for name, path in sorted(files, key=lambda file: (file[0].count("/"), file[0])):
        base = PurePosixPath(name).name.lower()
        if base in ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml"):
            names = _yaml_names(path, name, address)
            if names:
                return names
        elif base in _NAME_LISTS:
            return [line.strip() for line in read_lines(path)]
        elif base == "dataset.json":
            names = _json_names(path)
            if names:
                return names
    return None


def _yaml_names(path: Path, name: str, address: str) -> list[str]:
    import yaml

    try:
        names = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("names")
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError) as error:
        raise ModelyardError(
            f"cannot read the class names in {name}",
            address=address,
            code="bad-labels",
            fix="It is YAML with `names`: a list, or a map from number to name.",
        ) from error
    if isinstance(names, dict):
        size = max((int(number) for number in names), default=-1) + 1
        return [str(names.get(number, names.get(str(number), number))) for number in range(size)]
    return [str(entry) for entry in names] if isinstance(names, list) else []


def _json_names(path: Path) -> list[str]:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return []
    names = found.get("classes") if isinstance(found, dict) else None
    return [str(entry) for entry in names] if isinstance(names, list) else []
