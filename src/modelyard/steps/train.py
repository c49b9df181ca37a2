"""`train`: fit a model by its engine, and leave it as ONNX, proven to answer as the trained one does."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from modelyard.engines import load_engine
from modelyard.engines.base import Engine, Follower, Trained, TrainJob, report_nothing
from modelyard.errors import ModelyardError
from modelyard.evaluation.history import History
from modelyard.evaluation.score import METRICS
from modelyard.inference.session import Model
from modelyard.steps.base import StepContext, StepResult, write_json
from modelyard.tracking import Recorder

_VALIDATED = frozenset(name for names in METRICS.values() for name in names)


def run(ctx: StepContext) -> StepResult:
    """Train on port `train`, with `val` where there is one; fill outputs `model` and `plots`."""
    config = ctx.config
    engine = load_engine(str(config["engine"]))
    with Recorder(ctx.document, ctx.emit) as recorder:
        recorder.params(run_params(config))
        history = History(ctx.workdir / "history.jsonl")

        def report(done: float, total: float, values: Mapping[str, float]) -> None:
            ctx.progress(done, total, f"epoch {max(1, -(-done // 1)):.0f}/{total:.0f}" if total > 1 else "", **values)
            if values and float(done).is_integer():
                history.add(int(done), values)
                recorder.metrics(tracked_names(values), int(done))

        job = _job(ctx, report)
        trained = engine.train(job)
        metrics = finish_model(engine, job, trained, ctx.outputs["plots"])
        history.plot(ctx.outputs["plots"] / "training.png")
        digest = ctx.store.put_tree(ctx.outputs["model"]).digest
        recorder.metrics(tracked_names(metrics), history.last)
        recorder.model(ctx.outputs["model"], digest)
        recorder.folder(ctx.outputs["plots"], "plots")
        recorder.tags({f"modelyard.{name}": str(value) for name, value in trained.recorded.items() if name == "device"})
    recorded = {**trained.recorded, "mlflow_run": recorder.run_id(0)}
    return StepResult(metrics, summarize(metrics, config), recorded=recorded)


def follow(ctx: StepContext) -> StepResult:
    """Take part in the training that another node leads; what counts is told by that one."""
    name = str(ctx.config["engine"])
    engine = load_engine(name)
    if not hasattr(engine, "follow"):
        raise ModelyardError(f"engine {name} trains on one machine only", code="one-machine")
    cast(Follower, engine).follow(_job(ctx, report_nothing))
    return StepResult(summary="followed")


def _job(ctx: StepContext, report: Callable[[float, float, Mapping[str, float]], None]) -> TrainJob:
    config = ctx.config
    checkpoints = ctx.workdir / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    return TrainJob(
        config=config, params=config.get("params") or {}, train=ctx.inputs["train"], val=ctx.inputs.get("val"),
        seed=int(config.get("seed", 0)), out=ctx.outputs["model"], checkpoints=checkpoints, root=ctx.root,
        report=report, note=ctx.note,
    )  # fmt: skip


def finish_model(engine: Engine, job: TrainJob, trained: Trained, plots: Path) -> dict[str, float]:
    """Write `signature.json` and `train_metrics.json`, check that the model loads, and give its metrics on `val`."""
    write_signature(job, trained)
    metrics = dict(trained.metrics)
    if not metrics and job.val is not None and _can_score(trained.signature):
        metrics = dict(engine.evaluate(job.out, job.val, {**job.config, "metrics": (), "slices": ()}, plots).metrics)
    write_metrics(job, metrics)
    return metrics


def write_signature(job: TrainJob, trained: Trained) -> None:
    write_json(job.out / "signature.json", dict(trained.signature))
    check_model(job.out)


def write_metrics(job: TrainJob, metrics: Mapping[str, float]) -> None:
    write_json(job.out / "train_metrics.json", {"metrics": dict(metrics), "data": "val" if job.val else "train"})


def check_model(folder: Path) -> None:
    """Raise ModelyardError unless the ONNX file loads and has the inputs and outputs that its signature names."""
    if not (folder / "model.onnx").is_file():
        raise ModelyardError("the engine left no model.onnx", code="no-model")
    model = Model.load(folder, threads=1)
    for kind, there in (("inputs", model.session.get_inputs()), ("outputs", model.session.get_outputs())):
        named, real = {one["name"] for one in model.signature[kind]}, {one.name for one in there}
        if (kind == "inputs" and named != real) or not named <= real:
            raise ModelyardError(
                f"signature.json names the {kind} {_list(named)}, and model.onnx has {_list(real)}",
                code="bad-signature",
            )


def run_params(config: Mapping[str, Any]) -> dict[str, Any]:
    """What MLflow shows as the run's parameters: the engine's own by their names, ours beside them."""
    target = config.get("target") or {}
    ours = {name: config[name] for name in ("engine", "model", "call", "seed") if config.get(name) is not None}
    return {**ours, **({"target": target["sql"]} if target else {}), **(config.get("params") or {})}


def tracked_names(values: Mapping[str, float]) -> dict[str, float]:
    """Names in MLflow: `val_` for metrics on the validation data, `train_` for losses; held-out scores have none."""
    return {f"{'val' if name in _VALIDATED else 'train'}_{name}": value for name, value in values.items()}


def summarize(metrics: Mapping[str, float], config: Mapping[str, Any]) -> str:
    """The first metrics in one line, those that the spec asks for before the others."""
    asked = [name for name in config.get("metrics") or () if name in metrics]
    names = (asked or [name for name in _ORDER if name in metrics] or list(metrics))[:3]
    return "  ".join(f"{name} {metrics[name]:.3f}" for name in names)


_ORDER = ("mAP50", "mAP50_95", "roc_auc", "accuracy", "log_loss", "rmse", "mae", "r2")


def _can_score(signature: Mapping[str, Any]) -> bool:
    return signature["task"] == "detect" or "columns" in signature


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
