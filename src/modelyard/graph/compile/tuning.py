"""`tuning.x`: a study over a training, and its best trial's score on the training's held-out data."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation
from modelyard.graph.compile.training import TrainingParts, add_evaluate
from modelyard.spec.values import RUNNING_KEYS

if TYPE_CHECKING:
    from modelyard.spec.model.training import Training
    from modelyard.spec.model.tuning import Study

_NOT_CONFIG = (*RUNNING_KEYS, "training", "maximize", "minimize")


def compile_tuning(out: Compilation, trainings: dict[str, TrainingParts]) -> None:
    for name in sorted(out.spec.tuning):
        address = f"tuning.{name}"
        with out.at(address):
            _study(out, address, out.spec.tuning[name], trainings)


def _study(out: Compilation, address: str, study: Study, trainings: dict[str, TrainingParts]) -> None:
    named = out.references.parse(study.training)
    if named.section != "training":
        raise ModelyardError(
            f"`{study.training}` is no training", address=f"{address}.training", code="address",
            fix=f"Name one of: {', '.join(f'training.{name}' for name in out.spec.training) or 'there is none yet'}.",
        )  # fmt: skip
    parts = trainings.get(named.node)
    if parts is None:
        return  # the training's own mistake has been told
    training = out.spec.training[named.name]
    if parts.val is None:
        source = training.data.partition(":")[0]
        raise ModelyardError(
            f"trials are scored on a `val` split, and {training.data} has none", address=f"{address}.training",
            code="no-val", fix=f"Give it one: `split: {{train: 70%, val: 15%, test: 15%}}` under {source}.",
        )  # fmt: skip
    scoring = {key: value for key, value in parts.evaluate.items() if key in {"metrics", "slices"}}
    config = {"training": parts.config, "evaluate": scoring, **study.plain(*_NOT_CONFIG)}
    running = _running(study, training)
    out.add(
        address, "tune", config, inputs={"train": parts.train, "val": parts.val}, outputs=("model", "trials", "plots"),
        variant=training.engine, running=running, code=parts.code,
        origins={"": address, "training": named.node, "evaluate": f"{named.node}.evaluate"},
    )  # fmt: skip
    add_evaluate(out, address, training, parts, running)


def _running(study: Study, training: Training) -> SimpleNamespace:
    """How the study runs: its own word, or the training's."""
    own = {key: getattr(study, key) for key in ("resources", "retries", "runtime") if getattr(study, key) is not None}
    return SimpleNamespace(
        resources=own.get("resources", training.resources), retries=own.get("retries", training.retries),
        timeout=study.timeout, runtime=own.get("runtime", training.runtime),
    )  # fmt: skip
