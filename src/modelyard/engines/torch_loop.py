"""A plain training loop for a network over a table: Adam, mini-batches, the best epoch on `val` kept."""

from typing import Any

import torch
from torch import nn

from modelyard.engines.torch_group import Group, mean
from modelyard.engines.torch_job import TorchJob

LOOP_PARAMS = {"epochs": 20, "batch_size": 64, "learning_rate": 1e-3, "weight_decay": 0.0}


def train_loop(module: nn.Module, job: TorchJob) -> None:
    """Train in place. A killed training goes on from its last epoch, with the batches that it would have had.

    Several processes take each batch apart, so that its gradient is what one process alone would have found.
    """
    settings: dict[str, Any] = {**LOOP_PARAMS, **{name: job.params[name] for name in LOOP_PARAMS if name in job.params}}
    module.to(job.device)
    loss = nn.CrossEntropyLoss() if job.classes else _squared_error
    optimizer = torch.optim.Adam(
        module.parameters(), lr=float(settings["learning_rate"]), weight_decay=float(settings["weight_decay"])
    )
    first, best, kept = _resume(module, optimizer, job)
    epochs = int(settings["epochs"])
    network = job.share(module)
    for epoch in range(first, epochs):
        told = _epoch(network, loss, optimizer, job, int(settings["batch_size"]), epoch)
        values = {"loss": told}
        if job.x_val is not None:
            values["val_loss"] = _validate(module, loss, job)
        if values.get("val_loss", -epoch) < best:
            best = values.get("val_loss", -float(epoch))
            kept = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        states = {"module": module.state_dict(), "optimizer": optimizer.state_dict()}
        job.save({"epoch": epoch + 1, "best": best, "kept": kept, **states})
        job.report(epoch + 1, epochs, **values)
    if kept:
        module.load_state_dict(kept)


def _resume(module: nn.Module, optimizer: torch.optim.Optimizer, job: TorchJob) -> tuple[int, float, dict[str, Any]]:
    state = job.load()
    if state is None:
        return 0, float("inf"), {}
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    job.job.note(f"going on after epoch {state['epoch']}")
    return int(state["epoch"]), float(state["best"]), state["kept"]


def _epoch(
    module: nn.Module, loss: Any, optimizer: torch.optim.Optimizer, job: TorchJob, size: int, epoch: int
) -> float:
    assert job.x is not None
    assert job.y is not None
    # Of the epoch, so that a resumed training sees the batches that it would have seen.
    generator = torch.Generator().manual_seed(job.seed * 100_003 + epoch)
    order = torch.randperm(len(job.x), generator=generator).to(job.device)
    module.train()
    total = 0.0
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        if len(rows) == 1 and len(order) > 1:
            continue  # batch normalization cannot learn from one row
        optimizer.zero_grad()
        mine, weight = part_of(rows, job.group)
        error = loss(module(job.x[mine]), job.y[mine]) * weight
        error.backward()
        optimizer.step()
        total += float(error.detach()) * len(rows)
    return mean(total, job.group) / len(order)


def part_of(rows: torch.Tensor, group: Group) -> tuple[torch.Tensor, float]:
    """This process's rows of a batch, and the weight that makes the mean of all losses the batch's own.

    A batch too small to give each process two rows goes whole to all.
    """
    if group.world == 1 or len(rows) < 2 * group.world:
        return rows, 1.0
    mine = rows[group.rank :: group.world]
    return mine, len(mine) * group.world / len(rows)


def _validate(module: nn.Module, loss: Any, job: TorchJob) -> float:
    assert job.x_val is not None
    assert job.y_val is not None
    known = job.y_val >= 0 if job.classes else torch.ones_like(job.y_val, dtype=torch.bool)
    module.eval()
    with torch.no_grad():
        return float(loss(module(job.x_val[known]), job.y_val[known]))


def _squared_error(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return nn.functional.mse_loss(predicted.reshape(-1), truth.reshape(-1))
