"""A fitted scikit-learn pipeline as ONNX that takes raw columns and answers in words.

skl2onnx 1.20 hands booleans to ONNX attributes that hold integers, which protobuf 7 refuses: see `_accept_booleans`.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from modelyard.engines.columns import Prepared
from modelyard.errors import ModelyardError

OPSETS = {"": 17, "ai.onnx.ml": 3}


def export_pipeline(pipeline: Pipeline, prepared: Prepared, classes: Sequence[str], path: Path) -> None:
    """Write the pipeline with outputs `label` (words) and `probabilities`, or `prediction`.

    Raises ModelyardError for an estimator that skl2onnx cannot convert.
    """
    import onnx

    model = convert(pipeline, prepared, probabilities=bool(classes))
    if classes:
        name_labels(model, classes)
    else:
        rename_output(model, model.graph.output[0].name, "prediction")
    # Its order comes from a set, so from the process's hash seed: equal models shall be equal bytes.
    imports = sorted(model.opset_import, key=lambda one: one.domain)
    del model.opset_import[:]
    model.opset_import.extend(imports)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def convert(pipeline: Any, prepared: Prepared, *, probabilities: bool) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    _accept_booleans()
    types = {"FP32": FloatTensorType, "BYTES": StringTensorType}
    initial = [(one["name"], types[one["datatype"]]([None, 1])) for one in prepared.inputs]
    options = {id(pipeline): {"zipmap": False}} if probabilities and hasattr(pipeline, "predict_proba") else None
    try:
        return convert_sklearn(pipeline, "modelyard", initial, target_opset=OPSETS, options=options)
    except Exception as error:  # skl2onnx raises what its many converters raise
        name = type(pipeline.steps[-1][1]).__name__ if isinstance(pipeline, Pipeline) else type(pipeline).__name__
        raise ModelyardError(
            f"{name} cannot be exported to ONNX: {str(error).splitlines()[0]}",
            fix="Choose another estimator: gradient boosting, forests, linear models, nearest neighbours, networks",
            code="not-exportable",
        ) from error


def outputs_of(classes: int) -> list[dict[str, Any]]:
    """`outputs` of a signature: for so many classes, or for a number."""
    if not classes:
        return [{"name": "prediction", "datatype": "FP32", "shape": [-1, 1]}]
    return [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, classes]},
    ]


def name_labels(model: Any, classes: Sequence[str]) -> None:
    """Turn the output `label` from class indices into the classes' names, inside of the graph."""
    from onnx import TensorProto, helper

    label = model.graph.output[0].name
    if label != "label":
        _rename(model, "label", "label_inner")
    _rename(model, label, "label_index")
    names = helper.make_tensor("class_names", TensorProto.STRING, [len(classes)], [name.encode() for name in classes])
    model.graph.initializer.append(names)
    model.graph.node.append(
        helper.make_node("Gather", ["class_names", "label_index"], ["label"], axis=0, name="name_labels")
    )
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("label", TensorProto.STRING, [None]))


def rename_output(model: Any, old: str, new: str) -> None:
    _rename(model, old, new)
    for output in model.graph.output:
        output.name = new if output.name == old else output.name


def _rename(model: Any, old: str, new: str) -> None:
    for node in model.graph.node:
        node.output[:] = [new if name == old else name for name in node.output]
        node.input[:] = [new if name == old else name for name in node.input]


@cache
def _accept_booleans() -> None:
    from skl2onnx.common import _container

    make_node = _container.make_node

    def with_integers(*args: Any, **attributes: Any) -> Any:
        plain = {name: _integers(value) if isinstance(value, list) else value for name, value in attributes.items()}
        return make_node(*args, **plain)

    _container.make_node = with_integers


def _integers(values: list[Any]) -> list[Any]:
    return [int(value) if isinstance(value, (bool, np.bool_)) else value for value in values]
