"""A folder's table: `data.parquet`, what its columns are, and which one is the target."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.errors import ModelyardError
from modelyard.inference.tabular import encode_column, is_missing


@dataclass(frozen=True)
class Rows:
    """A table in memory as an Arrow table; `inputs` are the columns that a model may read, `target` the one to tell."""

    table: Any
    inputs: tuple[str, ...]
    target: str

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def head(self, count: int) -> "Rows":
        return Rows(self.table.slice(0, count), self.inputs, self.target)

    def column(self, name: str) -> np.ndarray:
        """Values of one column as numpy: numbers with NaN for missing, else objects with None."""
        if name not in self.table.column_names:
            raise ModelyardError(
                f"there is no column `{name}`",
                fix=f"Columns here: {', '.join(self.table.column_names)}",
                code="missing-column",
            )
        values: np.ndarray = self.table.column(name).to_numpy()
        return values

    def features(self, specs: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
        return {spec["name"]: self.column(spec["name"]) for spec in specs}


def read_rows(folder: Path, config: Mapping[str, Any]) -> Rows:
    """Read a folder's table. Raises ModelyardError where it is no table or lacks the target."""
    import pyarrow.parquet as pq

    path = folder / "data.parquet"
    if not path.is_file():
        raise ModelyardError("the data is no table", fix="It needs a source of `type: table`", code="bad-data")
    target = target_name(config)
    table = pq.read_table(path)
    if target not in table.column_names:
        raise ModelyardError(
            f"there is no target column `{target}`",
            fix=f"Columns here: {', '.join(table.column_names)}",
            code="missing-column",
        )
    known = table.column(target).is_valid()
    table = table.filter(known) if table.column(target).null_count else table
    if not table.num_rows:
        raise ModelyardError("the table has no rows with a known target", code="bad-data")
    return Rows(table, _input_names(folder, table.column_names, target), target)


def target_name(config: Mapping[str, Any]) -> str:
    target = config.get("target")
    if not target:
        raise ModelyardError("training on a table needs a `target`", fix="Add `target: COLUMN`", code="missing-target")
    return str(target["name"] if isinstance(target, Mapping) else target)


def describe_columns(rows: Rows) -> list[dict[str, Any]]:
    """`columns` of a signature: each input's name and type, and the categories that occur."""
    return [_describe(rows, name) for name in rows.inputs]


def class_names(values: np.ndarray) -> list[str]:
    """The classes of a target in a natural order: numbers by value, false before true, words by alphabet."""
    distinct = {value.item() if isinstance(value, np.generic) else value for value in values if not is_missing(value)}
    try:
        ordered = sorted(distinct)
    except TypeError:
        ordered = sorted(distinct, key=str)
    return [class_name(value) for value in ordered]


def class_name(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and math.isfinite(value) and float(value).is_integer():
        return str(int(value))
    return str(value)


def class_indices(values: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Index of each value's class; -1 for a class that the model does not know."""
    places = {name: index for index, name in enumerate(classes)}
    indices: np.ndarray = np.array([places.get(class_name(value), -1) for value in values], np.int64)
    return indices


def _describe(rows: Rows, name: str) -> dict[str, Any]:
    from pyarrow import types

    kind = rows.table.schema.field(name).type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        spec: dict[str, Any] = {"name": name, "type": "category"}
        distinct = encode_column(rows.table.column(name).unique().to_numpy(zero_copy_only=False), spec)
        return {**spec, "categories": sorted(set(distinct[:, 0]))}
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind):
        return {"name": name, "type": "number"}
    raise ModelyardError(
        f"column `{name}` is {kind}, which no model here takes",
        fix="Leave it out of `columns`, or make a number of it with an SQL expression in a feature view",
        code="bad-column",
    )


def _input_names(folder: Path, names: Sequence[str], target: str) -> tuple[str, ...]:
    """Inputs as the join said them in `schema.json`; without that, every column but the target."""
    path = folder / "schema.json"
    schema = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    chosen = schema.get("inputs", names)
    return tuple(name for name in chosen if name != target and name in names)
