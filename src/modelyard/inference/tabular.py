"""Rows of a table to the tensors that a model takes, one a column, and its outputs back to labels and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.errors import ModelyardError

_MISSING = ""  # a missing category is a category of its own; a missing number is NaN


@dataclass(frozen=True, slots=True)
class Predictions:
    """`labels` (n,) are class names, or numbers for regression; `probabilities` (n, classes), or None."""

    labels: np.ndarray
    probabilities: np.ndarray | None
    classes: tuple[str, ...] = ()


def encode_columns(columns: Mapping[str, Sequence[Any] | np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Values by column name as float32 or string tensors (n, 1) by input name; more columns than needed are fine.

    Raises ModelyardError for a missing column, one of another length, or a value that is no number.
    """
    missing = [spec["name"] for spec in signature["columns"] if spec["name"] not in columns]
    if missing:
        raise ModelyardError(
            f"the model needs {_names(missing)}, which {'is' if len(missing) == 1 else 'are'} not there",
            fix=f"It was given: {', '.join(map(str, columns)) or 'nothing'}",
            code="missing-column",
        )
    tensors = {spec["name"]: encode_column(columns[spec["name"]], spec) for spec in signature["columns"]}
    if len({len(tensor) for tensor in tensors.values()}) > 1:
        raise ModelyardError("the columns differ in length", code="bad-input")
    names = {entry.get("column", entry["name"]): entry["name"] for entry in signature["inputs"]}
    if set(names) == set(tensors):
        return {names[column]: tensor for column, tensor in tensors.items()}
    # One input for all columns in order, as a user's own network takes them.
    return {signature["inputs"][0]["name"]: np.concatenate(list(tensors.values()), axis=1)}


def encode_column(values: Sequence[Any] | np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
    """One column as (n, 1): numbers as float32 with NaN for missing, categories as strings with "" for missing."""
    number = spec["type"] != "category"
    if number and isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return values.astype(np.float32).reshape(-1, 1)
    flat = np.asarray(values, dtype=object).reshape(-1)
    if not number:
        return _column([_word(value) for value in flat], object)
    try:
        return _column([np.nan if is_missing(value) else float(value) for value in flat], np.float32)
    except (TypeError, ValueError) as error:
        raise ModelyardError(f"column {spec['name']} takes numbers: {error}", code="bad-input") from error


def decode_outputs(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> Predictions:
    """The model's outputs as predictions. Raises ModelyardError where the signature does not say what they are."""
    if signature["task"] == "regress":
        return Predictions(np.asarray(outputs[_output(signature, "prediction")], np.float64).reshape(-1), None)
    classes = tuple(map(str, signature["classes"]))
    probabilities = np.asarray(outputs[_output(signature, "probabilities")], np.float64)
    if probabilities.ndim == 1 or probabilities.shape[1] == 1:
        positive = probabilities.reshape(-1)
        probabilities = np.stack([1 - positive, positive], axis=1)
    labels = np.array(classes, dtype=object)[probabilities.argmax(axis=1)]
    return Predictions(labels, probabilities, classes)


def _output(signature: Mapping[str, Any], name: str) -> str:
    names = [str(entry["name"]) for entry in signature["outputs"]]
    if name in names:
        return name
    if len(names) == 1:
        return names[0]
    raise ModelyardError(f"the model has no output {name}: it has {', '.join(names)}", code="bad-signature")


def _word(value: Any) -> str:
    if is_missing(value):
        return _MISSING
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return str(value)


def is_missing(value: Any) -> bool:
    """None, NaN, and pandas' NA and NaT, told without importing pandas."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _column(values: list[Any], dtype: Any) -> np.ndarray:
    column: np.ndarray = np.empty((len(values), 1), dtype)
    column[:, 0] = values
    return column


def _names(names: Sequence[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + ", ".join(names)
