"""`tune`: a study of trials over a training's parameters; the best trial's model is its output."""

import shutil
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import Any

import optuna
from optuna.trial import TrialState

from modelyard import processes
from modelyard.engines import load_engine
from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.tuning.gathering import gather
from modelyard.steps.tuning.results import write_results
from modelyard.steps.tuning.study import best_trial, interrupted, make_sampler, open_study
from modelyard.steps.tuning.trial import TrialOutcome, TrialTask, ask, run_trial
from modelyard.tracking import Recorder
from modelyard.trials import HOPELESS
from modelyard.wording import counted


def run(ctx: StepContext) -> StepResult:
    """Run what the budget has left of the study; fill outputs `model`, `trials` and `plots`.

    A study that others have led is gathered from what its trials left.
    """
    with Recorder(ctx.document, ctx.emit) as recorder:
        budget = ctx.config.get("budget") or {}
        recorder.params({name: ctx.config[name] for name in ("sampler", "pruner", "seed") if name in ctx.config})
        recorder.params({"budget": budget, "objectives": ctx.config["objectives"]})
        study = gather(ctx, recorder) if ctx.document.study else _searched(ctx, recorder)
        best = _best(study)
        model, plots, training = ctx.outputs["model"], ctx.outputs["plots"], ctx.config["training"]
        shutil.copytree(ctx.workdir / "trials" / f"{best.number:04d}" / "model", model, dirs_exist_ok=True)
        load_engine(training["engine"]).evaluate(model, ctx.inputs["val"], training, plots)
        write_results(study, ctx.config, ctx.outputs["trials"], plots)
        metrics = dict(zip(ctx.config["objectives"], best.values, strict=True))
        recorder.metrics({f"val_{name}": value for name, value in metrics.items()})
        recorder.params({f"best.{name}": value for name, value in best.params.items()})
        recorder.model(model, ctx.store.put_tree(model).digest)
        for name in ("trials", "plots"):
            recorder.folder(ctx.outputs[name], name)
    done = len(study.get_trials(deepcopy=False))
    found = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    chosen = ", ".join(f"{name} {_short(value)}" for name, value in best.params.items())
    recorded = {"mlflow_run": recorder.run_id(0), "best_trial": best.number, "best_params": dict(best.params)}
    return StepResult(
        {**metrics, "trials": float(done)}, f"{found}  best of {counted(done, 'trial')}: {chosen}", recorded=recorded
    )


def _searched(ctx: StepContext, recorder: Recorder) -> optuna.Study:
    study = open_study(ctx.config, ctx.workdir)
    _Study(ctx, study, recorder).run()
    return study


class _Study:
    """The trials of one attempt at the step."""

    def __init__(self, ctx: StepContext, study: optuna.Study, recorder: Recorder) -> None:
        budget = ctx.config.get("budget") or {}
        self._ctx = ctx
        self._study = study
        self._recorder = recorder
        self._trials = int(budget.get("trials", 20))
        self._time = budget.get("time")
        self._parallel = max(1, int(budget.get("parallel", 1)))
        self._left_over = interrupted(study)
        self._before = self._seconds_spent() / self._parallel
        self._start = time.monotonic()
        self._errors: list[str] = []

    def run(self) -> None:
        if self._left_over:
            self._ctx.note(f"going on with {counted(len(self._left_over), 'interrupted trial')}")
        if self._parallel == 1:
            while (task := self._next()) is not None:
                self._tell(run_trial(task, self._tell_progress))
        else:
            self._run_parallel()

    def _run_parallel(self) -> None:
        context = get_context("spawn")  # neither OpenMP nor CUDA survives a fork
        running: set[Future[TrialOutcome]] = set()
        with ProcessPoolExecutor(self._parallel, mp_context=context, initializer=processes.die_with_parent) as pool:
            while True:
                while len(running) < self._parallel and (task := self._next()) is not None:
                    running.add(pool.submit(run_trial, task))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda one: one.result().number):
                    self._tell(future.result())

    def _next(self) -> TrialTask | None:
        """The next trial's task: first what was interrupted, then new ones, as far as the budget goes."""
        number = self._left_over.pop(0) if self._left_over else None
        if number is None and not self._may_start():
            return None
        count = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = make_sampler(self._ctx.config, count if number is None else number)
        number, trial_id, params = ask(self._study, self._ctx.config, number)
        return TrialTask(
            self._ctx.document, number, trial_id, params, self._ctx.inputs["train"], self._ctx.inputs["val"],
            self._ctx.root, self._ctx.workdir, self._recorder.run_id(),
        )  # fmt: skip

    def _may_start(self) -> bool:
        trials = self._study.get_trials(deepcopy=False)
        failed = sum(trial.state == TrialState.FAIL for trial in trials)
        if failed >= HOPELESS and not any(trial.state == TrialState.COMPLETE for trial in trials):
            return False
        spent = self._before + time.monotonic() - self._start
        if self._time is not None and spent >= float(self._time):
            return False
        exhausted = getattr(self._study.sampler, "is_exhausted", None)
        return len(trials) < self._trials and not (exhausted and exhausted(self._study))

    def _tell(self, outcome: TrialOutcome) -> None:
        if outcome.values is not None:
            self._study.tell(outcome.number, outcome.values)
        else:
            state = TrialState.PRUNED if outcome.pruned else TrialState.FAIL
            self._study.tell(outcome.number, state=state)
        if outcome.error:
            self._errors.append(outcome.error)
            self._ctx.emit({"event": "warning", "text": f"trial {outcome.number} failed: {outcome.error}"})
        self._tidy()
        self._tell_progress(1, 1, {})

    def _tell_progress(self, done: float, total: float, values: Mapping[str, float]) -> None:
        trials = self._study.get_trials(deepcopy=False)
        finished = sum(trial.state.is_finished() for trial in trials)
        share = 0 if done >= total else done / max(total, 1)
        best = {}
        if len(self._ctx.config["objectives"]) == 1 and any(trial.state == TrialState.COMPLETE for trial in trials):
            best = {f"best {next(iter(self._ctx.config['objectives']))}": float(self._study.best_value)}
        self._ctx.progress(
            finished + share, self._trials, f"trial {min(finished + 1, self._trials)}/{self._trials}", **best
        )

    def _tidy(self) -> None:
        """Drop the folders of trials that are beaten already: forty models fill a disk."""
        complete = [trial for trial in self._study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE]
        keep = {best_trial(self._study).number} if complete else set()
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state.is_finished() and trial.number not in keep:
                shutil.rmtree(self._ctx.workdir / "trials" / f"{trial.number:04d}", ignore_errors=True)

    def _seconds_spent(self) -> float:
        trials = self._study.get_trials(deepcopy=False)
        return float(sum(trial.duration.total_seconds() for trial in trials if trial.duration))


def _best(study: optuna.Study) -> Any:
    trials = study.get_trials(deepcopy=False)
    if not any(trial.state == TrialState.COMPLETE for trial in trials):
        fix = "See the warnings above for why each failed; is the space right?"
        raise ModelyardError(f"none of {counted(len(trials), 'trial')} finished", fix=fix, code="no-trial")
    return best_trial(study)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
