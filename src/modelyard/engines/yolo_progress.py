"""What ultralytics tells while it trains: progress out, checkpoints kept whole."""

import os
import time
from pathlib import Path
from typing import Any

from modelyard.engines.base import TrainJob
from modelyard.files import write_whole

_EVERY = 0.5  # seconds between two reports inside of an epoch


class Progress:
    """Callbacks of one training. `metrics` are those of the best epoch on the validation data."""

    def __init__(self, job: TrainJob, resume: Path) -> None:
        self.metrics: dict[str, float] = {}
        self._job = job
        self._resume = resume
        self._batch = 0
        self._reported = 0.0
        self._best = -1.0
        self._finished = 0

    def attach(self, trainer: Any) -> None:
        trainer.add_callback("on_train_start", _use_all_cores)  # after the trainer has chosen its device
        trainer.add_callback("on_train_epoch_start", self._epoch_starts)
        trainer.add_callback("on_train_batch_end", self._batch_ends)
        trainer.add_callback("on_fit_epoch_end", self._epoch_ends)
        trainer.add_callback("on_model_save", self._saved)

    def _epoch_starts(self, trainer: Any) -> None:
        self._batch = 0

    def _batch_ends(self, trainer: Any) -> None:
        self._batch += 1
        now = time.monotonic()
        if now - self._reported >= _EVERY:
            self._reported = now
            share = min(self._batch / max(len(trainer.train_loader), 1), 0.99)
            self._job.report(trainer.epoch + share, trainer.epochs, _losses(trainer))

    def _epoch_ends(self, trainer: Any) -> None:
        # The final evaluation of the best weights calls this once more, for an epoch that was told already.
        found = _metrics(trainer)
        if found.get("mAP50_95", 0.0) > self._best:
            self._best, self.metrics = found.get("mAP50_95", 0.0), found
        if trainer.epoch + 1 <= self._finished or trainer.epoch + 1 > trainer.epochs:
            return
        self._finished = trainer.epoch + 1
        self._job.report(self._finished, trainer.epochs, {**_losses(trainer), **found})

    def _saved(self, trainer: Any) -> None:
        # ultralytics writes last.pt in place: a kill in between would leave half a file, so the resume point is ours.
        write_whole(self._resume, trainer.last.read_bytes(), sync=True)


def _use_all_cores(_: Any) -> None:
    # ultralytics leaves one core idle, which is half of a small machine.
    import torch

    torch.set_num_threads(cores())


def cores() -> int:
    """Cores that this process may use, or fewer where OMP_NUM_THREADS says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(asked)) if asked.isdigit() and int(asked) else allowed


def _losses(trainer: Any) -> dict[str, float]:
    means = trainer.tloss or {}
    return {str(name).removesuffix("_loss"): round(float(value), 5) for name, value in means.items()}


def _metrics(trainer: Any) -> dict[str, float]:
    names = {"metrics/mAP50(B)": "mAP50", "metrics/mAP50-95(B)": "mAP50_95", "metrics/precision(B)": "precision",
             "metrics/recall(B)": "recall"}  # fmt: skip
    return {ours: float(trainer.metrics[theirs]) for theirs, ours in names.items() if theirs in (trainer.metrics or {})}
