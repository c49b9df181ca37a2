"""What a user's training function is given."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.compose import ColumnTransformer

from modelyard.engines.base import TrainJob
from modelyard.engines.columns import Prepared, frame_of, prepare_columns, preprocessor
from modelyard.engines.torch_group import CHECKPOINT, Group
from modelyard.errors import ModelyardError
from modelyard.evaluation.rows import Rows, class_indices, class_names, read_rows
from modelyard.files import write_whole


@dataclass
class TorchJob:
    """Data, settings and progress of one training.

    For a table, `x`, `y` (and `x_val`, `y_val`) are float32 features ready to learn from (numbers scaled, missing ones
    filled, categories one-hot) and class indices, or float32 targets; else they are None, and `train` and `val` are
    the folders to read. Where several processes train together, each has all of the data: `rank` of `world` says
    which of it is its part.
    """

    job: TrainJob
    device: torch.device
    group: Group = field(default_factory=Group)
    columns: Prepared | None = None
    transformer: ColumnTransformer | None = None
    rows: Rows | None = None
    classes: tuple[str, ...] = ()
    x: torch.Tensor | None = None
    y: torch.Tensor | None = None
    x_val: torch.Tensor | None = None
    y_val: torch.Tensor | None = None

    @property
    def train(self) -> Path:
        return self.job.train

    @property
    def val(self) -> Path | None:
        return self.job.val

    @property
    def params(self) -> Mapping[str, Any]:
        return self.job.params

    @property
    def seed(self) -> int:
        return self.job.seed

    @property
    def rank(self) -> int:
        return self.group.rank

    @property
    def world(self) -> int:
        return self.group.world

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return 0 if self.x is None else int(self.x.shape[1])

    def share(self, module: torch.nn.Module) -> torch.nn.Module:
        """The module to call in training: where several processes train, the one that averages their gradients."""
        if self.world == 1:
            return module
        devices = [self.device] if self.device.type == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(module.to(self.device), device_ids=devices)

    def report(self, epoch: float, epochs: float, **values: float) -> None:
        """Tell how far it is; `values` are shown live and recorded. Raises `Pruned` in a study: let it through."""
        if self.group.leads:
            self.job.report(epoch, epochs, values)

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep a checkpoint of tensors and plain values, whole or not at all."""
        if not self.group.leads:
            return
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        write_whole(self.job.checkpoints / CHECKPOINT, buffer.getvalue(), sync=True)

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint of a killed attempt, or None."""
        path = self.job.checkpoints / CHECKPOINT
        if not path.is_file():
            return None
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        return state


def table_job(job: TrainJob, group: Group) -> TorchJob:
    """The job over a table: its columns prepared, its target as the task needs it."""
    rows = read_rows(job.train, job.config)
    columns = prepare_columns(rows)
    transformer = preprocessor(columns, trees=False).fit(frame_of(rows, columns))
    classes = tuple(class_names(rows.column(rows.target))) if _task(job, rows) == "classify" else ()
    made = TorchJob(job, group.device, group, columns, transformer, rows, classes)
    made.x, made.y = _tensors(made, rows)
    if job.val is not None:
        made.x_val, made.y_val = _tensors(made, read_rows(job.val, job.config))
    return made


def _tensors(job: TorchJob, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    assert job.columns is not None
    assert job.transformer is not None
    features = job.transformer.transform(frame_of(rows, job.columns)).astype(np.float32)
    target = rows.column(rows.target)
    y = class_indices(target, job.classes) if job.classes else target.astype(np.float32)
    return torch.from_numpy(features).to(job.device), torch.from_numpy(y).to(job.device)


def _task(job: TrainJob, rows: Rows) -> str:
    """What is learnt: as the spec says, else by the target's type."""
    if job.config.get("task"):
        return str(job.config["task"])
    kind = rows.column(rows.target).dtype.kind
    if kind == "f":
        return "regress"
    if kind in "bO":
        return "classify"
    raise ModelyardError(
        f"is the target `{rows.target}`, a whole number, a class or a quantity?", code="missing-task",
        fix="Say `task: classify` or `task: regress`",
    )  # fmt: skip
