"""YOLO by ultralytics: from scratch or from weights, on CUDA where there is some, without a word to the network.

ultralytics is AGPL-3.0 and an optional engine; nothing here is loaded unless a spec asks for it.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.engines.base import Trained, TrainJob
from modelyard.engines.yolo_data import write_data
from modelyard.engines.yolo_export import export, save_weights
from modelyard.engines.yolo_model import locate_model
from modelyard.engines.yolo_progress import Progress, cores
from modelyard.errors import ModelyardError
from modelyard.evaluation.images import read_classes
from modelyard.evaluation.score import score
from modelyard.evaluation.scores import Scores
from modelyard.files import write_whole

_OURS = frozenset(
    {"data", "device", "exist_ok", "mode", "model", "name", "project", "resume", "save", "save_dir", "task"}
)
_INTEGRATIONS = ("clearml", "comet", "dvc", "mlflow", "neptune", "raytune", "tensorboard", "wandb", "hub")


class Ultralytics:
    def train(self, job: TrainJob) -> Trained:
        """Train a detector; leave `model.onnx`, `best.pt` and `model.safetensors` in `job.out`.

        A killed training goes on from its last finished epoch, out of `job.checkpoints`.
        """
        stay_offline(job.checkpoints)
        classes = read_classes(job.train)
        arguments = self._arguments(job)
        best = job.checkpoints / "best.pt"
        metrics_file = job.checkpoints / "trained.json"
        if not metrics_file.exists():
            metrics = self._fit(job, arguments, best)
            write_whole(metrics_file, json.dumps(metrics), sync=True)
        metrics = json.loads(metrics_file.read_text(encoding="utf-8"))
        size = int(arguments["imgsz"])
        shape = export(best, job.out / "model.onnx", size, job.val or job.train)
        digest = save_weights(best, job.out)
        signature = {
            "task": "detect",
            "engine": "ultralytics",
            "model": str(job.config["model"]),
            "inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 3, size, size]}],
            "outputs": [{"name": "output0", "datatype": "FP32", "shape": [-1, *shape]}],
            "classes": list(classes),
            "preprocess": {"imgsz": size, "letterbox": True, "scale": 255, "channels": 3},
            "nms": {"iou": float(arguments.get("iou", 0.7)), "max": int(arguments.get("max_det", 300))},
            "threshold": 0.25,
            "weights": {"file": "best.pt", "digest": digest},
        }
        return Trained(signature, metrics, {"device": device_words(), "packages": _packages()})

    def evaluate(self, model: Path, data: Path, config: Mapping[str, Any], out: Path | None) -> Scores:
        return score(model, data, config, out)

    def _arguments(self, job: TrainJob) -> dict[str, Any]:
        import torch

        taken = sorted(_OURS & set(job.params))
        if taken:
            raise ModelyardError(
                f"`{taken[0]}` is not a parameter to give: it is set by the spec's own keys", code="bad-parameter"
            )
        cuda = torch.cuda.is_available()
        defaults = {
            "imgsz": 640, "epochs": 100, "seed": job.seed, "deterministic": True, "plots": False, "verbose": False,
            "workers": 4 if cuda else 0, "amp": cuda,
        }  # fmt: skip
        return {**defaults, **job.params}

    def _fit(self, job: TrainJob, arguments: Mapping[str, Any], best: Path) -> dict[str, float]:
        from ultralytics.models.yolo.detect import DetectionTrainer

        resume = job.checkpoints / "resume.pt"
        overrides = {
            **arguments,
            "model": locate_model(str(job.config.get("model", "")), job),
            "data": str(write_data(job)),
            "device": "0" if _has_cuda() else "cpu",
            "project": str(job.checkpoints),
            "name": "run",
            "exist_ok": True,
            **({"resume": str(resume)} if resume.exists() else {}),
        }
        goes_on = ", going on from the last finished epoch" if resume.exists() else ""
        job.note(f"training on {device_words()}{goes_on}")
        try:
            trainer = DetectionTrainer(overrides=overrides)
        except (SyntaxError, TypeError, ValueError, FileNotFoundError) as error:
            raise ModelyardError(_plain(error), code="bad-parameter") from error
        progress = Progress(job, resume)
        progress.attach(trainer)
        trainer.train()
        chosen = trainer.best if trainer.best.exists() else trainer.last
        write_whole(best, chosen.read_bytes(), sync=True)
        return progress.metrics


def stay_offline(folder: Path) -> None:
    """Switch off what ultralytics sends and fetches: analytics, update checks, fonts, weights, other trackers.

    Read at its import, so this comes first; its settings live in `folder`, away from the user's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Its import would set this to 1, and every library and process after it would run on one core.
    os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_CONFIG_DIR=str(folder))
    import logging

    from ultralytics.utils import LOGGER, SETTINGS

    # Warnings stay in the log; above INFO its progress bars, drawn for a terminal, are silent too.
    LOGGER.setLevel(logging.WARNING)
    off = {name: False for name in ("sync", "vscode_msg", "openvino_msg", *_INTEGRATIONS) if name in SETTINGS}
    # Not SETTINGS.update, which writes a file that two trials at once would fight over.
    dict.update(SETTINGS, off)


def device_words() -> str:
    import torch

    if torch.cuda.is_available():
        return f"CUDA, {torch.cuda.get_device_name(0)}"
    return f"the CPU, {cores()} cores (no CUDA device was found)"


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _packages() -> dict[str, str]:
    import torch
    import ultralytics

    return {"ultralytics": ultralytics.__version__, "torch": str(torch.__version__)}


def _plain(error: BaseException) -> str:
    """The sentence that matters of ultralytics' coloured, many-lined messages."""
    import re

    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"ultralytics refuses: {' '.join(lines[:2])}"
