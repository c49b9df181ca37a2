"""Rows to tensors and back."""

import numpy as np
import pytest

from modelyard.errors import ModelyardError
from modelyard.inference.tabular import decode_outputs, encode_columns

SIGNATURE = {
    "task": "classify",
    "columns": [{"name": "air temp", "type": "number"}, {"name": "carrier", "type": "category"}],
    "inputs": [
        {"name": "air_temp", "datatype": "FP32", "shape": [-1, 1], "column": "air temp"},
        {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1], "column": "carrier"},
    ],
    "outputs": [{"name": "label"}, {"name": "probabilities"}],
    "classes": ["no", "yes"],
}


def test_missing_values_are_nan_and_the_empty_word():
    tensors = encode_columns({"air temp": [1, None, float("nan")], "carrier": ["AA", None, b"B6"]}, SIGNATURE)

    assert tensors["air_temp"].dtype == np.float32
    assert np.isnan(tensors["air_temp"]).ravel().tolist() == [False, True, True]
    assert tensors["carrier"].ravel().tolist() == ["AA", "", "B6"]


def test_pandas_own_gaps_are_missing_too():
    pandas = pytest.importorskip("pandas")
    frame = {"air temp": pandas.array([1, None], "Int64"), "carrier": pandas.Series(["AA", pandas.NA], dtype="string")}
    tensors = encode_columns({name: np.asarray(column, dtype=object) for name, column in frame.items()}, SIGNATURE)

    assert np.isnan(tensors["air_temp"][1, 0])
    assert tensors["carrier"][1, 0] == ""


def test_a_missing_column_is_named_with_what_was_given():
    with pytest.raises(ModelyardError, match="the model needs column carrier") as caught:
        encode_columns({"air temp": [1]}, SIGNATURE)
    assert "air temp" in caught.value.fix


def test_a_word_where_a_number_belongs_is_told():
    with pytest.raises(ModelyardError, match="column air temp takes numbers"):
        encode_columns({"air temp": ["warm"], "carrier": ["AA"]}, SIGNATURE)


def test_columns_of_different_lengths_are_told():
    with pytest.raises(ModelyardError, match="differ in length"):
        encode_columns({"air temp": [1, 2], "carrier": ["AA"]}, SIGNATURE)


def test_a_network_with_one_input_gets_the_columns_side_by_side():
    signature = {
        **SIGNATURE,
        "columns": [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}],
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    }
    assert encode_columns({"b": [2], "a": [1]}, signature)["x"].tolist() == [[1, 2]]


@pytest.mark.parametrize("probabilities", [[[0.2, 0.8], [0.9, 0.1]], [[0.8], [0.1]], [0.8, 0.1]])
def test_the_likeliest_class_is_the_label(probabilities):
    outputs = {"probabilities": np.array(probabilities, np.float32), "label": np.array(["yes", "no"])}
    found = decode_outputs(outputs, SIGNATURE)

    assert found.labels.tolist() == ["yes", "no"]
    assert found.probabilities.shape == (2, 2)
