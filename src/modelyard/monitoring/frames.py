"""Reference and current data as two pandas frames that can be compared: the same columns, of the same kind."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.monitoring.stats import image_stats
from modelyard.steps.data.parquet import is_table, read_schema, read_table
from modelyard.steps.data.pictures import image_files, is_pictures, label_lines, read_dataset
from modelyard.steps.data.yolo import parse_line

MOST_ROWS = 50_000
"""Rows of either side that are compared; of more, a sample that is always the same."""
_MOST_IMAGES = 2_000
_MOST_VALUES = 100
_HASHED = "h:"


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared. `passed_over` says why a column of the reference is not."""

    reference: Any
    current: Any
    numbers: list[str]
    categories: list[str]
    passed_over: Mapping[str, str]


def folder_frame(folder: Path) -> Any:
    """A table's rows, or a row of numbers for each image. Raises ModelyardError for anything else."""
    import pandas as pd

    if is_table(folder):
        schema = read_schema(folder)
        table = read_table(folder)
        hidden = {*schema.get("key", ()), schema.get("timestamp")}
        return sample(table.select([name for name in table.column_names if name not in hidden]).to_pandas(), MOST_ROWS)
    if is_pictures(folder):
        classes = read_dataset(folder)["classes"]
        return pd.DataFrame([_image_row(folder, path, classes) for path in _some(image_files(folder))])
    raise ModelyardError(
        "is neither a table nor images",
        code="bad-reference",
        fix="Compare with a source of type table or images, or a split of it.",
    )


def _some(paths: Sequence[Path]) -> list[Path]:
    step = max(1, len(paths) / _MOST_IMAGES)
    return [paths[int(number * step)] for number in range(min(len(paths), _MOST_IMAGES))]


def _image_row(folder: Path, path: Path, classes: Sequence[str]) -> dict[str, float]:
    boxes = [box.label for line in label_lines(folder, path) if (box := parse_line(line)) is not None]
    names = Counter(classes[label] for label in boxes if label < len(classes))
    return {**image_stats(path), "boxes": len(boxes), **{f"class_{name}": names[name] for name in classes}}


def prediction_frame(entries: Sequence[Mapping[str, Any]]) -> Any:
    """A row a prediction: what was sent, and what was found in an image."""
    import pandas as pd

    return sample(pd.DataFrame([_prediction_row(entry) for entry in entries]), MOST_ROWS)


def _prediction_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    outputs = entry.get("outputs") or {}
    found = {f"class_{name}": count for name, count in (outputs.get("classes") or {}).items()}
    boxes = {"boxes": outputs["boxes"]} if isinstance(outputs.get("boxes"), int) else {}
    return {**entry["inputs"], **boxes, **found}


def sample(frame: Any, most: int) -> Any:
    return frame if len(frame) <= most else frame.sample(most, random_state=0).sort_index()


def align(reference: Any, current: Any) -> Pair:
    """The columns of both that can be compared. Raises ModelyardError where none can."""
    import pandas as pd

    found, passed_over = dict[str, tuple[Any, Any]](), dict[str, str]()
    for name in reference.columns:
        if name.startswith("class_") and name not in current and "boxes" in current:
            current = current.assign(**{name: 0})  # no prediction of the window found one
        why = _obstacle(reference[name], current.get(name))
        if why:
            passed_over[name] = why
        elif pd.api.types.is_numeric_dtype(reference[name]) and not pd.api.types.is_bool_dtype(reference[name]):
            sent = current[name].fillna(0) if name.startswith("class_") else current[name]
            found[name] = (reference[name].astype(float), pd.to_numeric(sent, errors="coerce").astype(float))
        else:
            found[name] = (_words(reference[name]), _words(current[name]))
    if not found:
        told = "; ".join(f"{name}: {why}" for name, why in list(passed_over.items())[:6])
        raise ModelyardError(
            "no column can be compared with the reference",
            code="bad-reference",
            fix=told or "The reference has no columns.",
        )
    numbers = [name for name, (ours, _) in found.items() if ours.dtype == float]
    return Pair(
        pd.DataFrame({name: ours for name, (ours, _) in found.items()}),
        pd.DataFrame({name: theirs for name, (_, theirs) in found.items()}),
        numbers,
        [name for name in found if name not in numbers],
        passed_over,
    )


def _obstacle(reference: Any, current: Any | None) -> str | None:
    import pandas as pd

    if current is None:
        return "not in what was sent"
    if current.isna().all() or reference.isna().all():
        return "has no values"
    if pd.api.types.is_datetime64_any_dtype(reference):
        return "holds times, which always move on"
    if pd.api.types.is_numeric_dtype(reference):
        return (
            None
            if pd.to_numeric(current, errors="coerce").notna().any()
            else "numbers in the reference, text in what was sent"
        )
    if current.dropna().astype(str).str.startswith(_HASHED).all():
        return "logged as a hash"
    values = reference.nunique()
    return f"has {values:,} different values" if values > _MOST_VALUES else None


def _words(column: Any) -> Any:
    """Categories as text, `True` and `true` alike: JSON and Parquet do not write them the same way."""
    return column.map(
        lambda value: str(value).lower() if isinstance(value, bool) else str(value), na_action="ignore"
    ).astype(object)
