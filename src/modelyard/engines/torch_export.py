"""A network as ONNX: by itself, or behind the preparation of a table's columns."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from modelyard.engines.tabular_onnx import OPSETS, convert, name_labels, outputs_of, rename_output
from modelyard.engines.torch_job import TorchJob
from modelyard.engines.verify import check_same
from modelyard.errors import ModelyardError
from modelyard.inference.session import Model, open_session

_TYPES = {
    "FP32": torch.float32,
    "FP64": torch.float64,
    "INT64": torch.int64,
    "INT32": torch.int32,
    "UINT8": torch.uint8,
}


class _Classifier(nn.Module):  # type: ignore[misc]
    """Probabilities and the likeliest class over a network's scores."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        probabilities = torch.softmax(self.network(features), dim=1)
        return probabilities.argmax(dim=1), probabilities


class _Regressor(nn.Module):  # type: ignore[misc]
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        predicted: torch.Tensor = self.network(features).reshape(-1, 1)
        return predicted


def export_with_columns(module: nn.Module, job: TorchJob, out: Path) -> dict[str, Any]:
    """Write `model.onnx`, which takes raw columns, and prove it on some rows. Gives the signature."""
    import onnx
    from onnx import compose

    assert job.columns is not None
    assert job.rows is not None
    wrapped = (_Classifier if job.classes else _Regressor)(module).eval()
    names = ["label", "probabilities"] if job.classes else ["prediction"]
    network = out / "network.onnx"
    write_onnx(wrapped, {"features": torch.zeros(2, job.width)}, names, network)
    tail = onnx.load(network)
    network.unlink()
    head = convert(job.transformer, job.columns, probabilities=False)
    # skl2onnx says the lowest opset that its operators need; none of them means anything else in the network's. Both
    # are compared with what was trained below.
    for one in head.opset_import:
        one.version = OPSETS[one.domain] if one.domain == "" else one.version
    tail.ir_version = head.ir_version = min(tail.ir_version, head.ir_version)
    joint = head.graph.output[0].name
    merged = compose.merge_models(head, tail, io_map=[(joint, "features")], prefix1="c_", prefix2="n_")
    _plain_names(merged)
    if job.classes:
        name_labels(merged, job.classes)
    onnx.checker.check_model(merged)
    (out / "model.onnx").write_bytes(merged.SerializeToString(deterministic=True))
    signature = {
        "task": "classify" if job.classes else "regress",
        "model": type(module).__name__,
        "inputs": job.columns.inputs,
        "outputs": outputs_of(len(job.classes)),
        "classes": list(job.classes),
        "columns": job.columns.specs,
        "target": job.rows.target,
    }
    _prove(wrapped, job, signature, out)
    return signature


def export_module(module: nn.Module, given: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Write `model.onnx` of a network whose signature its author gives, and prove it on random input."""
    missing = [name for name in ("task", "inputs", "outputs") if name not in given]
    if missing:
        raise ModelyardError(f"the signature lacks `{missing[0]}`", code="bad-signature")
    generator = torch.Generator().manual_seed(0)
    examples = {one["name"]: _example(one, generator) for one in given["inputs"]}
    names = [one["name"] for one in given["outputs"]]
    path = out / "model.onnx"
    write_onnx(module, examples, names, path)
    with torch.no_grad():
        native = module(*examples.values())
    native = native if isinstance(native, (tuple, list)) else (native,)
    exported = open_session(path).run(names, {name: value.numpy() for name, value in examples.items()})
    for one, other in zip(native, exported, strict=True):
        check_same(one.numpy(), np.asarray(other))
    return dict(given)


def write_onnx(module: nn.Module, examples: Mapping[str, torch.Tensor], outputs: list[str], path: Path) -> None:
    """Export with any batch size. The exporter that traces: the newer one needs `onnxscript`."""
    axes = {name: {0: "batch"} for name in (*examples, *outputs)}
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module, tuple(examples.values()), str(path), input_names=list(examples), output_names=outputs,
                dynamic_axes=axes, opset_version=OPSETS[""], dynamo=False,
            )  # fmt: skip
    except Exception as error:  # torch raises what the traced code and its exporter raise
        raise ModelyardError(
            f"the network cannot be exported to ONNX: {str(error).splitlines()[0]}", code="not-exportable"
        ) from error


def _plain_names(model: Any) -> None:
    """Take the prefixes of merging off the names that others see."""
    for one in list(model.graph.output):
        rename_output(model, one.name, one.name.removeprefix("n_"))
    for one in model.graph.input:
        old, new = one.name, one.name.removeprefix("c_")
        for node in model.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
        one.name = new


def _prove(wrapped: nn.Module, job: TorchJob, signature: Mapping[str, Any], out: Path) -> None:
    assert job.rows is not None
    assert job.columns is not None
    assert job.x is not None
    some = job.rows.head(200)
    answers = Model(signature, open_session(out / "model.onnx")).predict(some.features(job.columns.specs))
    with torch.no_grad():
        native = wrapped(job.x[: len(some)].cpu())
    if answers.probabilities is None:
        check_same(native.numpy(), answers.labels)
    else:
        check_same(native[1].numpy(), answers.probabilities)


def _example(one: Mapping[str, Any], generator: torch.Generator) -> torch.Tensor:
    kind = _TYPES.get(one["datatype"])
    if kind is None:
        raise ModelyardError(f"an input of type {one['datatype']} cannot be exported", code="bad-signature")
    shape = [2 if size < 0 else size for size in one["shape"]]
    return torch.rand(shape, generator=generator).to(kind)
