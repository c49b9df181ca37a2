"""The seam to a training library."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modelyard.evaluation.scores import Scores


def _print_note(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def report_nothing(done: float, total: float, values: Mapping[str, float]) -> None:
    """For a process that does not lead: the one that does reports."""


@dataclass(frozen=True)
class TrainJob:
    """What to train, on what. `train` and `val` are folders as `ingest` or `join` writes them; `val` may be None.

    `params` go to the library by its own names. `out` takes the model's files; `checkpoints` outlives a kill.
    `report(done, total, values)` is called as often as there is something new; it raises `Pruned` in a study.
    `note` says one line aloud (the device that was found, a checkpoint that was taken up).
    """

    config: Mapping[str, Any]
    params: Mapping[str, Any]
    train: Path
    val: Path | None
    seed: int
    out: Path
    checkpoints: Path
    root: Path
    report: Callable[[float, float, Mapping[str, float]], None]
    note: Callable[[str], None] = _print_note


@dataclass(frozen=True)
class Trained:
    """`signature` is `signature.json`'s content; `metrics` are the training's own (on `val` where there is one).

    `recorded` is what the run is to remember beside: the device, the library's version.
    """

    signature: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)
    recorded: Mapping[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    def train(self, job: TrainJob) -> Trained:
        """Fit, and leave in `job.out`: `model.onnx`, the native weights, nothing half-written."""
        ...

    def evaluate(self, model: Path, data: Path, config: Mapping[str, Any], out: Path | None) -> Scores:
        """Score the ONNX model in `model` on the folder `data`; plots go to `out`, where one is given."""
        ...


class Follower(Protocol):
    """What an engine has besides where several nodes can train together: see `modelyard.torchrun`."""

    def follow(self, job: TrainJob) -> None:
        """Do the part of a node that does not lead; what it leaves in `job.out` is not looked at."""
        ...


class Pruned(Exception):  # noqa: N818 - the field's word, as in Optuna
    """A study's pruner ended this trial early."""
