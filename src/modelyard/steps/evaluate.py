"""`evaluate`: score a model on data that it has not seen, through its ONNX file, as it will be served."""

from pathlib import Path

from modelyard.engines import load_engine
from modelyard.evaluation.scores import Scores
from modelyard.steps.base import StepContext, StepResult, write_json
from modelyard.steps.train import summarize
from modelyard.tracking import Recorder


def run(ctx: StepContext) -> StepResult:
    """Score port `model` on port `data`; fill outputs `metrics` (metrics.json) and `plots`."""
    config = ctx.config
    engine = load_engine(str(config["engine"]))
    ctx.progress(0, 1, "scoring")
    scores = engine.evaluate(ctx.inputs["model"], ctx.inputs["data"], config, ctx.outputs["plots"])
    write_json(ctx.outputs["metrics"] / "metrics.json", scores.to_json())
    ctx.progress(1, 1, "scoring")
    run_id = _record(ctx, scores)
    return StepResult(dict(scores.metrics), summarize(scores.metrics, config), recorded={"mlflow_run": run_id})


def _record(ctx: StepContext, scores: Scores) -> str | None:
    """Put the scores where a person looks for them: in the run that made the model."""
    with Recorder(ctx.document, ctx.emit, model=ctx.document.inputs["model"].digest) as recorder:
        recorder.metrics(scores.metrics)
        for folder, name in ((ctx.outputs["plots"], "evaluation/plots"), (ctx.outputs["metrics"], "evaluation")):
            recorder.folder(Path(folder), name)
        recorder.tags({"modelyard.evaluated_on": ctx.document.inputs["data"].digest})
    return recorder.run_id(0)
