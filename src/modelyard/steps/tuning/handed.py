"""One trial of a study that Katib leads: trained and scored here, kept in the store, told by a line of the log."""

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.tuning.trial import TrialTask, run_trial
from modelyard.task import TaskResult
from modelyard.trials import key_of, metric_event, values_of


def run(ctx: StepContext) -> StepResult:
    """Raises ModelyardError for a trial that fails: its pod is to fail with it."""
    started = time.perf_counter()
    name, objectives = str(ctx.document.study["trial"]), list(ctx.config["objectives"])
    params = values_of(ctx.document.study["words"], ctx.config["space"])

    def tell(done: float, total: float, values: Mapping[str, float]) -> None:
        ctx.progress(done, total, "", **values)
        if objectives[0] in values and float(done).is_integer():  # what Katib's early stopping goes by
            ctx.emit(metric_event(objectives[0], float(values[objectives[0]])))

    task = TrialTask(
        ctx.document, 0, None, params, ctx.inputs["train"], ctx.inputs["val"], ctx.root, ctx.workdir, parent="",
        label=name.rpartition("-")[2],
    )  # fmt: skip
    outcome = run_trial(task, tell)
    if outcome.values is None or not all(map(math.isfinite, outcome.values)):
        raise ModelyardError(outcome.error or f"its {objectives[0]} is no number", code="trial-failed")
    metrics = dict(zip(objectives, outcome.values, strict=True))
    key = key_of(ctx.document.fingerprint, name)
    result = TaskResult(
        fingerprint=key,
        outputs={"model": ctx.store.put_tree(task.folder / "model")},
        metrics=metrics,
        seconds=round(time.perf_counter() - started, 4),
        run_id=ctx.document.run_id,
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        recorded={"mlflow_run": outcome.run},
    )
    ctx.store.put_result(key, result)
    ctx.emit(metric_event(objectives[0], metrics[objectives[0]]))
    shown = "  ".join(f"{metric} {value:.4g}" for metric, value in metrics.items())
    return StepResult(metrics, shown)
