"""`command`: the user's own program trains. It is told where the data is and where the model goes.

The argv may name `${inputs.train}`, `${inputs.val}`, `${outputs.model}`, `${params.x}`; the environment has
`MODELYARD_SEED` and `MODELYARD_CHECKPOINTS` (a folder that outlives a kill). It leaves in `${outputs.model}`:
`model.onnx`, and `signature.json` with `task`, `inputs`, `outputs`, and `classes`, `columns` or `preprocess` where the
task has them. What `inputs` and `outputs` leave out is read from the ONNX file.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard import processes
from modelyard.engines.base import Trained, TrainJob
from modelyard.engines.filling import fill_argv
from modelyard.errors import ModelyardError
from modelyard.evaluation.score import score
from modelyard.evaluation.scores import Scores
from modelyard.inference.session import open_session, read_signature
from modelyard.secrets import resolve

_TASKS = ("classify", "detect", "regress")
_DATATYPES = {
    "tensor(float)": "FP32", "tensor(double)": "FP64", "tensor(int64)": "INT64", "tensor(int32)": "INT32",
    "tensor(string)": "BYTES", "tensor(bool)": "BOOL", "tensor(uint8)": "UINT8", "tensor(float16)": "FP16",
}  # fmt: skip


class Command:
    def train(self, job: TrainJob) -> Trained:
        """Run the program to its end. Raises ModelyardError where it fails, or leaves no model that can be served."""
        argv = fill_argv(job)
        job.report(0, 1, {})
        _run(argv, job)
        job.report(1, 1, {})
        if not (job.out / "model.onnx").is_file():
            raise ModelyardError(
                "the command ended well, but left no model.onnx", fix="Write it to ${outputs.model}", code="no-model"
            )
        return Trained(complete_signature(job), _own_metrics(job.out))

    def follow(self, job: TrainJob) -> None:
        """Run the program as one of several nodes: `torchrun` in it finds the others by the environment."""
        _run(fill_argv(job), job)

    def evaluate(self, model: Path, data: Path, config: Mapping[str, Any], out: Path | None) -> Scores:
        return score(model, data, config, out)


def complete_signature(job: TrainJob) -> dict[str, Any]:
    """The program's signature, with what the ONNX file knows filled in."""
    signature = read_signature(job.out)
    signature.setdefault("task", job.config.get("task"))
    if signature["task"] not in _TASKS:
        raise ModelyardError(
            f"signature.json names no task (it says {signature['task']!r})",
            fix="Write `task: classify`, `detect` or `regress` in the spec or in signature.json", code="bad-signature",
        )  # fmt: skip
    session = open_session(job.out / "model.onnx", threads=1)
    for kind, there in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
        signature.setdefault(kind, [_tensor(one) for one in there])
    if signature["task"] in {"classify", "detect"} and not signature.get("classes"):
        raise ModelyardError("signature.json names no `classes`", code="bad-signature")
    return {**signature, "engine": str(job.config["engine"])}


def _tensor(one: Any) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in one.shape]
    return {"name": one.name, "datatype": _DATATYPES.get(one.type, one.type), "shape": shape}


def _run(argv: list[str], job: TrainJob) -> None:
    given = {name: resolve(str(value)) for name, value in (job.config.get("env") or {}).items()}
    here = str(Path(sys.executable).parent)  # `python` is the one that runs us
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "MODELYARD_SEED": str(job.seed),
        "MODELYARD_CHECKPOINTS": str(job.checkpoints),
        **given,
    }
    sys.stdout.flush()
    try:
        process = subprocess.Popen(
            argv, cwd=job.root, env=environment, stdin=subprocess.DEVNULL, preexec_fn=processes.die_with_parent  # noqa: PLW1509
        )  # fmt: skip
    except OSError as error:
        raise ModelyardError(f"cannot start `{argv[0]}`: {error.strerror}", code="command-not-found") from error
    code = process.wait()
    if code:
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise ModelyardError(f"the training's command {ended}", code="command-failed")


def _own_metrics(folder: Path) -> dict[str, float]:
    """Metrics that the program itself left in `train_metrics.json`: a flat object of numbers."""
    path = folder / "train_metrics.json"
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    found = found.get("metrics", found) if isinstance(found, dict) else {}
    return {str(name): float(value) for name, value in found.items() if isinstance(value, (int, float))}
