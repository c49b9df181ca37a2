"""A model folder as an MLflow model: `pyfunc`, with the code that runs it beside it.

That code is a copy of `modelyard.inference` under another name: whoever loads the model needs mlflow, numpy,
onnxruntime and pillow, and neither Modelyard nor what the model was trained with.
"""

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modelyard import errors, inference
from modelyard.inference.session import read_signature
from modelyard.tracking.runs import MODEL, Runs

_PACKAGE = "modelyard_model"
_NAME = "model"


def log_model(runs: Runs, run: str, folder: Path, digest: str) -> None:
    """Log the model in the run, and mark the run as the one that has it."""
    import mlflow
    from mlflow.models import Model

    signature = read_signature(folder)
    mlflow.set_tracking_uri(runs.place.uri)
    mlflow.set_registry_uri(runs.place.uri)
    with tempfile.TemporaryDirectory() as scratch:
        Model.log(
            artifact_path=None,
            name=_NAME,
            flavor=mlflow.pyfunc,
            run_id=run,
            loader_module=f"{_PACKAGE}.pyfunc",
            data_path=str(folder),
            code_paths=[str(copy_code(Path(scratch)))],
            pip_requirements=[f"{name}=={version(name)}" for name in ("numpy", "onnxruntime", "pandas", "pillow")],
            signature=mlflow_signature(signature),
            metadata={"modelyard": {"digest": digest, "task": signature["task"], "engine": signature.get("engine")}},
        )
    runs.set_tags(run, {MODEL: digest})


def copy_code(folder: Path) -> Path:
    """`modelyard.inference` as a package that stands by itself."""
    package = folder / _PACKAGE
    package.mkdir(parents=True)
    sources = [*Path(str(inference.__file__)).parent.glob("*.py"), Path(str(errors.__file__))]
    for source in sources:
        text = source.read_text(encoding="utf-8")
        text = text.replace("modelyard.inference", _PACKAGE).replace("modelyard.errors", f"{_PACKAGE}.errors")
        (package / source.name).write_text(text, encoding="utf-8")
    return package


def mlflow_signature(signature: dict[str, Any]) -> Any:
    """Columns with their types for a table; pictures have no schema that MLflow could check, so none."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    if "columns" not in signature:
        return None
    kinds = {"number": "double", "category": "string"}
    inputs = Schema([ColSpec(kinds[one["type"]], one["name"], required=False) for one in signature["columns"]])
    if signature["task"] == "regress":
        return ModelSignature(inputs, Schema([ColSpec("double", "prediction")]))
    outputs = [
        ColSpec("string", "prediction"),
        *(ColSpec("double", f"probability_{name}") for name in signature["classes"]),
    ]
    return ModelSignature(inputs, Schema(outputs))
