"""One trial: a training with its parameters, scored on `val`. Runs in the step's process or in one of its own."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from modelyard.engines import load_engine
from modelyard.engines.base import Pruned, TrainJob
from modelyard.errors import ModelyardError
from modelyard.steps.train import run_params, tracked_names, write_metrics, write_signature
from modelyard.steps.tuning.space import suggest
from modelyard.steps.tuning.study import NAME, make_pruner, storage_of
from modelyard.task import TaskDocument
from modelyard.tracking import Recorder

Report = Callable[[float, float, Mapping[str, float]], None]


@dataclass(frozen=True)
class TrialTask:
    """What a trial's process is given. `params` are the trial's own, over those of the training.

    Without a `trial_id` it is in no study of Optuna's, and others end it early; `label` is what they call it.
    """

    document: TaskDocument
    number: int
    trial_id: int | None
    params: Mapping[str, Any]
    train: Path
    val: Path
    root: Path
    workdir: Path
    parent: str | None
    label: str = ""

    @property
    def folder(self) -> Path:
        return self.workdir / "trials" / f"{self.number:04d}"


@dataclass(frozen=True)
class TrialOutcome:
    """`values` in the order of the objectives; None where it was pruned, or failed with `error`. `run` is MLflow's."""

    number: int
    values: tuple[float, ...] | None
    pruned: bool = False
    error: str = ""
    run: str | None = None


def ask(study: optuna.Study, config: Mapping[str, Any], number: int | None) -> tuple[int, int, dict[str, Any]]:
    """Number, storage id and parameters of a new trial, or of the one that was interrupted."""
    if number is None:
        trial = study.ask()
    else:
        stored = study.get_trials(deepcopy=False)[number]
        trial = optuna.trial.Trial(study, stored._trial_id)
    return trial.number, trial._trial_id, suggest(trial, config["space"])


def run_trial(task: TrialTask, tell: Report | None = None) -> TrialOutcome:
    """Train and score. A failure is an outcome: the study goes on with other parameters."""
    config = task.document.node["config"]
    label = task.label or str(task.number)
    name = f"{task.document.node['address']}.trial-{label}"
    try:
        with Recorder(task.document, _silent, name=name, parent=task.parent) as recorder:
            recorder.tags({"modelyard.trial": label})
            metrics = _train(task, config, recorder, tell)
            recorder.metrics(tracked_names(metrics))
    except Pruned:
        return TrialOutcome(task.number, None, pruned=True)
    except (ModelyardError, ArithmeticError, RuntimeError, ValueError) as error:
        return TrialOutcome(task.number, None, error=" ".join(str(error).split())[:400] or type(error).__name__)
    missing = [metric for metric in config["objectives"] if metric not in metrics]
    if missing:
        return TrialOutcome(
            task.number, None, error=f"the evaluation gives no `{missing[0]}`, only {', '.join(metrics)}"
        )
    return TrialOutcome(task.number, tuple(metrics[metric] for metric in config["objectives"]), run=recorder.run_id(0))


def _train(task: TrialTask, config: Mapping[str, Any], recorder: Recorder, tell: Report | None) -> dict[str, float]:
    training = {**config["training"], "params": {**(config["training"].get("params") or {}), **task.params}}
    recorder.params(run_params(training))
    pruning = _Pruning(task, config)

    def report(done: float, total: float, values: Mapping[str, float]) -> None:
        if tell:
            tell(done, total, values)
        if values and float(done).is_integer():
            recorder.metrics(tracked_names(values), int(done))
            pruning.look(int(done), values)

    out = task.folder / "model"
    shutil.rmtree(out, ignore_errors=True)  # of an attempt that was killed; its checkpoints stay
    out.mkdir(parents=True)
    (task.folder / "checkpoints").mkdir(exist_ok=True)
    job = TrainJob(
        config=training, params=training["params"], train=task.train, val=task.val, seed=int(training.get("seed", 0)),
        out=out, checkpoints=task.folder / "checkpoints", root=task.root, report=report,
    )  # fmt: skip
    engine = load_engine(str(training["engine"]))
    trained = engine.train(job)
    write_signature(job, trained)
    scores = engine.evaluate(out, task.val, training, None)
    write_metrics(job, scores.metrics)
    shutil.rmtree(task.folder / "checkpoints")
    return dict(scores.metrics)


class _Pruning:
    """Tells Optuna how a trial goes, and ends it where the pruner says so; with one objective only."""

    def __init__(self, task: TrialTask, config: Mapping[str, Any]) -> None:
        self._metric = next(iter(config["objectives"]))
        self._trial: optuna.trial.Trial | None = None
        if task.trial_id is not None and len(config["objectives"]) == 1 and config.get("pruner", "none") != "none":
            study = optuna.load_study(study_name=NAME, storage=storage_of(task.workdir), pruner=make_pruner(config))
            self._trial = optuna.trial.Trial(study, task.trial_id)

    def look(self, step: int, values: Mapping[str, float]) -> None:
        if self._trial is not None and self._metric in values:
            self._trial.report(values[self._metric], step)
            if self._trial.should_prune():
                raise Pruned


def _silent(_: Mapping[str, Any]) -> None:
    """The study's own recorder tells what fails; forty trials need not."""
