"""Columns of a table made ready for an estimator or a network, by transformers that ONNX can express."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from modelyard.errors import ModelyardError
from modelyard.evaluation.rows import Rows, describe_columns
from modelyard.inference.tabular import encode_column


@dataclass(frozen=True)
class Prepared:
    """`specs` as the signature's `columns`, `inputs` as its `inputs`: one each column, in the same order."""

    specs: list[dict[str, Any]]
    inputs: list[dict[str, Any]]

    def names(self, kind: str) -> list[str]:
        return [one["name"] for one, spec in zip(self.inputs, self.specs, strict=True) if spec["type"] == kind]


def prepare_columns(rows: Rows) -> Prepared:
    """Raises ModelyardError for a table without columns that a model can read."""
    specs = describe_columns(rows)
    if not specs:
        raise ModelyardError("there is no column to learn from beside the target", code="bad-data")
    names = _onnx_names([spec["name"] for spec in specs])
    inputs = [
        {
            "name": name,
            "datatype": "FP32" if spec["type"] == "number" else "BYTES",
            "shape": [-1, 1],
            "column": spec["name"],
        }
        for name, spec in zip(names, specs, strict=True)
    ]
    return Prepared(specs, inputs)


def frame_of(rows: Rows, prepared: Prepared) -> Any:
    """The inputs as a pandas frame, encoded just as a server encodes a request: float32 and strings."""
    import pandas as pd

    columns: Mapping[str, np.ndarray] = {
        one["name"]: encode_column(rows.column(spec["name"]), spec)[:, 0]
        for one, spec in zip(prepared.inputs, prepared.specs, strict=True)
    }
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})


def preprocessor(prepared: Prepared, *, trees: bool, impute: bool = True) -> ColumnTransformer:
    """Numbers imputed (and scaled, but for trees), categories numbered for trees and one-hot for the rest."""
    fill = [("impute", SimpleImputer(strategy="median", keep_empty_features=True))] if impute else []
    numbers: list[Any] = fill if trees else [*fill, ("scale", StandardScaler())]
    categories = (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        if trees
        else OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    parts = [
        ("numbers", Pipeline(numbers) if numbers else "passthrough", prepared.names("number")),
        ("categories", categories, prepared.names("category")),
    ]
    return ColumnTransformer([part for part in parts if part[2]])


def _onnx_names(names: Sequence[str]) -> list[str]:
    """Names as ONNX likes them (letters, digits, `_`), each once. skl2onnx renames what it does not like, unasked."""
    taken: set[str] = set()
    chosen = []
    for name in names:
        clean = re.sub(r"\W", "_", name, flags=re.ASCII)
        clean = clean if clean[:1].isalpha() else f"c_{clean}"
        while clean in taken or clean in {"label", "probabilities", "prediction"}:
            clean += "_"
        taken.add(clean)
        chosen.append(clean)
    return chosen
