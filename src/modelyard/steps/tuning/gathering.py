"""A study that others led, from what each trial left: as if Optuna had run it here."""

import shutil
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from modelyard.steps.base import StepContext
from modelyard.steps.tuning.space import distribution, encode
from modelyard.steps.tuning.study import best_trial
from modelyard.task import TaskResult
from modelyard.tracking import Recorder
from modelyard.trials import key_of, values_of

_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


def gather(ctx: StepContext, recorder: Recorder) -> optuna.Study:
    """The trials of the task's document, in their order; the best one's model is where a study here would have it.

    One whose result is not in the store has failed, whatever was said of it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=list(ctx.config["objectives"].values()))
    results: dict[int, TaskResult] = {}
    for number, told in enumerate(ctx.document.study["trials"]):
        found = ctx.store.get_result(key_of(ctx.document.fingerprint, told["name"]))
        if found is None and told["state"] == "complete":
            text = f"trial {number} ({told['name']}) is told to be complete, and left nothing in the store"
            ctx.emit({"event": "warning", "text": text})
        elif found is not None and told["state"] == "complete":
            results[number] = found
        if found is not None and (run := found.recorded.get("mlflow_run")):
            recorder.nest(run, {"modelyard.trial": str(number)})
        study.add_trial(_trial(told, results.get(number), ctx.config))
    if results:
        best = best_trial(study).number
        _fetch(ctx, best, results[best])
    return study


def _trial(told: Mapping[str, Any], found: TaskResult | None, config: Mapping[str, Any]) -> FrozenTrial:
    space = config["space"]
    params = {name: encode(value) for name, value in values_of(told["words"], space).items()}
    state = _STATES.get(told["state"], TrialState.FAIL)
    if state == TrialState.COMPLETE and found is None:
        state = TrialState.FAIL
    values = [found.metrics[name] for name in config["objectives"]] if found else None
    known = {name: distribution(name, space[name]) for name in params}
    return create_trial(state=state, values=values, params=params, distributions=known)


def _fetch(ctx: StepContext, number: int, found: TaskResult) -> None:
    folder = ctx.workdir / "trials" / f"{number:04d}" / "model"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    ctx.store.materialize(found.outputs["model"].digest, folder, writable=True)
