"""A version of a registered model as a plain folder beside the store, in the layout that Triton takes.

`<store.remote>/served/<model>/<version>-<digest>` has `config.pbtxt`, `signature.json` and `1/model.onnx`. A folder is
written once and never changed: its name has the model's digest, and `config.pbtxt`, by which it is whole, comes last.
https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_configuration.md
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.store import Store
from modelyard.task import TaskDocument

FOLDER = "served"
_CONFIG = "config.pbtxt"
_DIGITS = 12
_TYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "int8": "INT8",
    "int16": "INT16", "int32": "INT32", "int64": "INT64", "float16": "FP16", "float": "FP32", "double": "FP64",
    "string": "STRING",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exported:
    """`uri` names the folder; `size` in bytes of what is loaded."""

    uri: str
    size: int
    version: str


def export_version(document: TaskDocument) -> Exported:
    """Write the version that an endpoint is to serve now, unless it is there. Raises ModelyardError."""
    store = Store.open(document.store, Path(document.root), document.settings)
    if store.remote is None:
        raise ModelyardError(
            "Seldon's servers read models from a bucket, and the store has none",
            address="store.remote", fix="add `store: {remote: s3://…}`", code="store-remote",
        )  # fmt: skip
    with TemporaryDirectory(prefix="modelyard-") as name:
        here = Path(name)
        record = _version(store, document, here / "version")
        digest = str(record["model"])
        key = f"{FOLDER}/{record['name']}/{record['version']}-{digest.removeprefix('b3:')[:_DIGITS]}"
        files = [one for one in store.manifest(digest) if str(one["path"]).startswith("model.onnx")]
        if not store.remote.has(f"{key}/{_CONFIG}"):
            folder = store.materialize(digest, here / "model")
            config = triton_config(folder / "model.onnx")
            for one in files:
                store.remote.push(f"{key}/1/{one['path']}", folder / str(one["path"]))
            store.remote.push(f"{key}/signature.json", folder / "signature.json")
            store.remote.write(f"{key}/{_CONFIG}", config.encode())
    size = sum(int(one["size"]) for one in files)
    return Exported(f"{str(document.store['remote']).rstrip('/')}/{key}", size, str(record["version"]))


def _version(store: Store, document: TaskDocument, folder: Path) -> Mapping[str, Any]:
    """What is in the stage now, or the version pinned to; what the run has just registered, where that is not kept."""
    config = document.node["config"]
    model, where = config["model"], config.get("version") or config.get("stage") or "production"
    record = store.get_ref(f"registry/{model}/{where}")
    if record is None and "version" in document.inputs:
        store.materialize(document.inputs["version"].digest, folder)
        told = json.loads((folder / "version.json").read_text("utf-8"))
        record = told if told.get("passed") and (where in told["stages"] or where == told["version"]) else None
    if record is None:
        raise ModelyardError(
            f"no version of {model} has been promoted to {where}", address=str(document.node["address"]),
            fix="a run that passes the gates of the registry promotes one", code="not-ready",
        )  # fmt: skip
    return {"name": model, **record}


def triton_config(model: Path) -> str:
    """A `config.pbtxt` with all inputs and outputs as the graph has them, so that Triton completes nothing by itself.

    `max_batch_size: 0` keeps the first dimension in the shapes: what is asked and answered has those of our server.
    """
    from modelyard.inference.session import open_session

    session = open_session(model, threads=1)
    parts = [
        'backend: "onnxruntime"', 'default_model_filename: "model.onnx"', "max_batch_size: 0",
        *(_tensor("input", one) for one in session.get_inputs()),
        *(_tensor("output", one) for one in session.get_outputs()),
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _tensor(word: str, spec: Any) -> str:
    kind = _TYPES.get(spec.type.removeprefix("tensor(").removesuffix(")"))
    if kind is None:
        fix = "let the model give tensors: of scikit-learn's, `zipmap: false`"
        raise ModelyardError(f"{word} {spec.name} is a {spec.type}, which Triton has not", fix=fix, code="bad-model")
    lines = [f"  name: {json.dumps(spec.name, ensure_ascii=False)}", f"  data_type: TYPE_{kind}", *_shape(spec.shape)]
    return "\n".join([f"{word} {{", *lines, "}"])


def _shape(shape: Sequence[Any]) -> Iterator[str]:
    sides = [side if isinstance(side, int) and side > 0 else -1 for side in shape]
    yield f"  dims: {json.dumps(sides or [1])}"
    if not sides:  # a single value: Triton's tensors have a side at least
        yield "  reshape { shape: [] }"
