"""Tensors as the Open Inference Protocol writes them: JSON, and the binary extension beside it.

https://github.com/open-inference/open-inference-protocol, `extension_binary_data` as in Triton.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelyard.errors import ModelyardError

_TYPES = {
    "BOOL": np.dtype(np.bool_), "UINT8": np.dtype(np.uint8), "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32), "UINT64": np.dtype(np.uint64), "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16), "INT32": np.dtype(np.int32), "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16), "FP32": np.dtype(np.float32), "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}  # fmt: skip
_ONNX = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "int8": "INT8",
    "int16": "INT16", "int32": "INT32", "int64": "INT64", "float16": "FP16", "float": "FP32", "double": "FP64",
    "string": "BYTES",
}  # fmt: skip
_NAMES = {kind: name for name, kind in _TYPES.items()}


def datatype_of_onnx(kind: str) -> str:
    """`tensor(float)` → `FP32`. Raises ModelyardError for what the protocol has no word for."""
    try:
        return _ONNX[kind.removeprefix("tensor(").removesuffix(")")]
    except KeyError as error:
        raise ModelyardError(f"the model has a {kind}, which cannot be served", code="bad-model") from error


def numpy_type(onnx: str) -> "np.dtype[Any]":
    return _TYPES[datatype_of_onnx(onnx)]


def read_tensor(spec: Mapping[str, Any], binary: bytes | None, wanted: str) -> np.ndarray:
    """One input of a request as an array of the type that the model wants (an ONNX type). Raises ModelyardError."""
    name = spec.get("name")
    shape, datatype = spec.get("shape"), spec.get("datatype")
    if datatype not in _TYPES:
        raise _bad(f"input {name}: datatype must be one of {', '.join(_TYPES)}")
    if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
        raise _bad(f"input {name}: shape must be a list of whole numbers")
    count = int(np.prod(shape, dtype=object)) if shape else 1
    flat = _from_binary(binary, datatype, count, name) if binary is not None else _from_json(spec, datatype, name)
    if flat.size != count:
        raise _bad(f"input {name}: shape {shape} holds {count} values, data has {flat.size}")
    target = numpy_type(wanted)
    if flat.dtype != target:
        if not np.can_cast(flat.dtype, target, "same_kind"):
            raise _bad(f"input {name} takes {_NAMES[target]}, not {datatype}")
        flat = flat.astype(target)
    return flat.reshape(shape)


def _from_json(spec: Mapping[str, Any], datatype: str, name: Any) -> np.ndarray:
    if "data" not in spec:
        raise _bad(f"input {name} has no data")
    if datatype == "BYTES":
        return _words(_flatten(spec["data"]), name)
    try:
        array = np.asarray(spec["data"])
        if array.dtype.kind not in "biuf":
            raise ValueError("not numbers")
        cast: np.ndarray = array.astype(_TYPES[datatype]).reshape(-1)
    except (ValueError, TypeError, OverflowError) as error:
        raise _bad(f"input {name}: data is not a tensor of {datatype}") from error
    return cast


def _flatten(data: Any) -> list[Any]:
    flat: list[Any] = []
    stack = [data]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        else:
            flat.append(item)
    return flat


def _words(values: Sequence[Any], name: Any) -> np.ndarray:
    if not all(isinstance(value, str) for value in values):
        raise _bad(f"input {name}: BYTES are strings")
    words: np.ndarray = np.empty(len(values), object)
    words[:] = values
    return words


def _from_binary(data: bytes, datatype: str, count: int, name: Any) -> np.ndarray:
    if datatype == "BYTES":
        return _words(_unpack(data, name), name)
    kind = _TYPES[datatype]
    if len(data) != count * kind.itemsize:
        raise _bad(f"input {name}: {count * kind.itemsize} bytes expected, {len(data)} given")
    array: np.ndarray = np.frombuffer(data, kind.newbyteorder("<")).astype(kind)
    return array


def _unpack(data: bytes, name: Any) -> list[str]:
    words, at = [], 0
    while at < len(data):
        if at + 4 > len(data):
            raise _bad(f"input {name}: cut off")
        (length,) = struct.unpack_from("<I", data, at)
        if at + 4 + length > len(data):
            raise _bad(f"input {name}: cut off")
        words.append(data[at + 4 : at + 4 + length].decode("utf-8", "replace"))
        at += 4 + length
    return words


def write_tensor(name: str, array: np.ndarray, binary: bool) -> tuple[dict[str, Any], bytes]:
    """One output: its JSON, and its bytes where the client asked for them."""
    array = array if array.dtype in _NAMES else array.astype(object)
    spec: dict[str, Any] = {"name": name, "datatype": _NAMES[array.dtype], "shape": list(array.shape)}
    if not binary:
        values = array.reshape(-1).tolist()
        spec["data"] = [_text(value) for value in values] if array.dtype == object else values
        return spec, b""
    if array.dtype == object:
        words = [_text(value).encode() for value in array.reshape(-1)]
        raw = b"".join(struct.pack("<I", len(word)) + word for word in words)
    else:
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    spec["parameters"] = {"binary_data_size": len(raw)}
    return spec, raw


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _bad(what: str) -> ModelyardError:
    return ModelyardError(what, code="bad-input")
