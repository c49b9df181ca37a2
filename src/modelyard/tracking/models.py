"""A model folder as an MLflow model: `pyfunc`, with the code that runs it beside it.

That code is a copy of `modelyard.inference` under another name: whoever loads the model needs mlflow, numpy,
onnxruntime and pillow, and neither Modelyard nor what the model was trained with. Written file by file, because
MLflow's own `save_model` first reads the file lists of all installed packages: seconds.
"""

import platform
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modelyard import errors, inference
from modelyard.inference.session import read_signature
from modelyard.tracking.runs import MODEL, Runs

_PACKAGE = "modelyard_model"
_NAME = "model"
_NEEDS = ("numpy", "onnxruntime", "pandas", "pillow")


def log_model(runs: Runs, run: str, folder: Path, digest: str) -> str:
    """Log the model in the run, mark the run as the one that has it, and give the id of MLflow's logged model."""
    from mlflow.entities import LoggedModelOutput

    signature = read_signature(folder)
    about = {"digest": digest, "task": str(signature["task"]), "engine": str(signature.get("engine", ""))}
    logged = runs.client.create_logged_model(
        runs.experiment,
        name=_NAME,
        source_run_id=run,
        tags={f"modelyard.{name}": value for name, value in about.items()},
    )
    with tempfile.TemporaryDirectory() as scratch:
        write_package(Path(scratch), folder, signature, run, logged.model_id)
        runs.client.log_model_artifacts(logged.model_id, scratch)
    runs.client.finalize_logged_model(logged.model_id, "READY")
    runs.client.log_outputs(run, [LoggedModelOutput(logged.model_id, 0)])
    runs.set_tags(run, {MODEL: digest, "modelyard.logged_model": logged.model_id})
    return str(logged.model_id)


def write_package(out: Path, folder: Path, signature: dict[str, Any], run: str, model_id: str) -> None:
    """`MLmodel`, `data/`, `code/` and what an environment for it needs, in `out`."""
    from mlflow.models import Model

    shutil.copytree(folder, out / "data", copy_function=shutil.copyfile)
    copy_code(out / "code")
    needs = [f"{name}=={version(name)}" for name in ("mlflow", *_NEEDS)]
    (out / "requirements.txt").write_text("\n".join(needs) + "\n", encoding="utf-8")
    environment = f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n"
    (out / "python_env.yaml").write_text(environment, encoding="utf-8")
    model = Model(artifact_path=_NAME, run_id=run, model_id=model_id, signature=mlflow_signature(signature))
    model.add_flavor(
        "python_function",
        loader_module=f"{_PACKAGE}.pyfunc",
        python_version=platform.python_version(),
        data="data",
        code="code",
        env={"virtualenv": "python_env.yaml"},
    )
    model.save(str(out / "MLmodel"))


def copy_code(folder: Path) -> None:
    """`modelyard.inference` as a package that stands by itself."""
    package = folder / _PACKAGE
    package.mkdir(parents=True)
    sources = [*Path(str(inference.__file__)).parent.glob("*.py"), Path(str(errors.__file__))]
    for source in sources:
        text = source.read_text(encoding="utf-8")
        text = text.replace("modelyard.inference", _PACKAGE).replace("modelyard.errors", f"{_PACKAGE}.errors")
        (package / source.name).write_text(text, encoding="utf-8")


def mlflow_signature(signature: dict[str, Any]) -> Any:
    """Columns for a table; pictures have no schema that MLflow could check, so none.

    Numbers are `any`: as `double`, MLflow would refuse a frame whose numbers happen to be whole.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    if "columns" not in signature:
        return None
    kinds = {"number": AnyType(), "category": "string"}
    inputs = Schema([ColSpec(kinds[one["type"]], one["name"], required=False) for one in signature["columns"]])
    if signature["task"] == "regress":
        return ModelSignature(inputs, Schema([ColSpec("double", "prediction")]))
    chances = [ColSpec("double", f"probability_{name}") for name in signature["classes"]]
    return ModelSignature(inputs, Schema([ColSpec("string", "prediction"), *chances]))
