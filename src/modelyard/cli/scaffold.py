"""A first spec from a look at a data folder: what lies there decides what is written."""

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path

from modelyard.errors import ModelyardError

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}
TABLES = {".csv", ".parquet"}


@dataclass(frozen=True)
class Look:
    """What was found: `kind` is `images` or `table`; `path` is relative to the project."""

    kind: str
    path: str
    count: int
    labelled: bool = False
    columns: tuple[str, ...] = ()


def look_at(folder: Path, project: Path) -> Look:
    """Look at names and one header, never at all the data. Raises ModelyardError where nothing is usable."""
    if not folder.exists():
        raise ModelyardError(f"{folder} does not exist", fix="Name the folder (or table) that your data lies in.")
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    path = _relative(folder, project)
    images = [file for file in files if file.suffix.lower() in IMAGES]
    tables = [file for file in files if file.suffix.lower() in TABLES]
    if images and len(images) >= len(tables):
        labelled = any(file.suffix == ".txt" and file.parent.name == "labels" for file in files)
        return Look("images", path, len(images), labelled=labelled)
    if tables:
        at = _relative(tables[0], project) if len(tables) == 1 else f"{path}/*{tables[0].suffix}"
        return Look("table", at, len(tables), columns=_columns(tables[0]))
    raise ModelyardError(
        f"{folder} holds no pictures and no tables",
        fix="Pictures (.png, .jpg with labels/*.txt beside images/) and tables (.csv, .parquet) are understood.",
    )


def _relative(path: Path, project: Path) -> str:
    try:
        return path.resolve().relative_to(project.resolve()).as_posix()
    except ValueError:
        raise ModelyardError(
            f"{path} is outside of the project {project}",
            fix="Put the data inside the project's folder, or link to it by URL in `sources`.",
        ) from None


def _columns(table: Path) -> tuple[str, ...]:
    if table.suffix.lower() == ".csv":
        with table.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
            return tuple(next(csv.reader(stream), ()))
    try:
        import pyarrow.parquet as pq
    except ImportError:
        return ()
    return tuple(pq.read_schema(table).names)


def project_name(folder: Path) -> str:
    """A name of the language made from the folder's: lower case, digits, `-` and `_`."""
    name = re.sub(r"[^a-z0-9_-]+", "-", folder.resolve().name.lower()).strip("-_")
    return name if name and name[0].isalpha() else f"project-{name}".rstrip("-")


def spec_for(look: Look, project: str, target: str | None) -> str:
    """The text of an `mlops.yaml` that trains on what was found. Raises ModelyardError for an unknown target column."""
    if look.kind == "images":
        return _images(look, project)
    if look.columns and target and target not in look.columns:
        raise ModelyardError(f"{look.path} has no column `{target}`", fix=f"It has: {', '.join(look.columns)}")
    chosen = target or (look.columns[-1] if look.columns else "target")
    return _table(look, project, chosen, note="" if target else "   # a guess: the last column")


def _images(look: Look, project: str) -> str:
    labels = "    labels: yolo\n" if look.labelled else ""
    head = _head(look, project, "pictures") + (
        f"sources:\n  pictures:\n    type: images\n    path: {json.dumps(look.path)}\n{labels}"
        "    split: {train: 80%, val: 10%, test: 10%}\n\n"
        "expectations:\n  pictures:\n    data: sources.pictures\n    expect: [expect_images_to_be_readable]\n"
    )
    if not look.labelled:
        return head + "\n# There are no labels/*.txt yet. With them, a `training:` section comes next.\n"
    return head + (
        "\ntraining:\n  detector:\n    data: sources.pictures\n    engine: ultralytics\n    model: yolov8n.yaml\n"
        "    params: {epochs: 50, imgsz: 320}\n\n"
        f"registry:\n  {project}: {{from: training.detector, gate: [metrics.mAP50 >= 0.5]}}\n\n"
        f"serving:\n  api: {{model: registry.{project}, port: 8080}}\n"
    )


def _table(look: Look, project: str, target: str, note: str) -> str:
    return _head(look, project, "tables") + (
        f"sources:\n  rows:\n    type: table\n    path: {json.dumps(look.path)}\n"
        "    split: {train: 70%, val: 15%, test: 15%}\n\n"
        "expectations:\n  rows:\n    data: sources.rows\n    expect:\n"
        f"      - expect_column_values_to_not_be_null: {{column: {json.dumps(target)}}}\n\n"
        "training:\n  model:\n    data: sources.rows\n"
        f"    target: {json.dumps(target)}{note}\n"
        "    engine: sklearn\n    model: HistGradientBoostingClassifier   # numbers: HistGradientBoostingRegressor\n\n"
        f"registry:\n  {project}: {{from: training.model}}\n\n"
        f"serving:\n  api: {{model: registry.{project}, port: 8080}}\n"
    )


def _head(look: Look, project: str, noun: str) -> str:
    return (
        f"# Made by `modelyard init` from {look.count} {noun} in {look.path}. Next: modelyard plan\n"
        f"version: 1\nproject: {project}\n\n"
    )
