"""Several processes, on one machine or on several, that train one network together.

On each node the step's own process is the first; it starts the node's others. Gradients are averaged by NCCL between
GPUs, by Gloo between CPUs.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import Any, cast

import psutil
import torch
from torch import distributed

from modelyard import processes
from modelyard.engines.base import TrainJob, report_nothing
from modelyard.errors import ModelyardError
from modelyard.files import write_whole
from modelyard.seeds import set_seeds
from modelyard.torchrun import Torchrun, torchrun_of

CHECKPOINT = "torch.pt"
# Of a node that has to be found, to start and to get its image and data; NCCL and Gloo use it for each exchange too.
_PATIENCE = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Group:
    """The place of this process among `world`, and on its node."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        return torch.device("cuda", self.local_rank) if torch.cuda.is_available() else torch.device("cpu")


Work = Callable[[TrainJob, Group], object]


@contextmanager
def joined(job: TrainJob, work: Work) -> Iterator[Group]:
    """Be the first process of this node, with `work` (found by its name) running in the node's others."""
    place = torchrun_of()
    if place.world == 1:
        yield Group()
        return
    others = _start(job, work, place)
    job.note(f"waiting for {place.world} processes on {place.nodes} nodes at {place.address}:{place.port}")
    try:
        with _member(job, place, 0) as group:
            yield group
        for one in others:
            one.join()
    finally:
        for one in others:
            one.kill()


@contextmanager
def _member(job: TrainJob, place: Torchrun, local_rank: int) -> Iterator[Group]:
    rank = place.node_rank * place.processes + local_rank
    group = Group(rank, place.world, local_rank)
    if group.device.type == "cuda":
        there = torch.cuda.device_count()
        if place.processes > there:
            what = f"{place.processes} processes are to train on each machine, and this one shows {there} GPUs"
            raise ModelyardError(what, fix="Ask for as many in `resources.gpu`", code="too-few-gpus")
        torch.cuda.set_device(group.device)
    # What a training function of the user's, or a library in it, looks for.
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(local_rank), WORLD_SIZE=str(place.world), MASTER_ADDR=place.address,
        MASTER_PORT=str(place.port), LOCAL_WORLD_SIZE=str(place.processes),
    )  # fmt: skip
    try:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _interface(place))
        distributed.init_process_group(
            "nccl" if group.device.type == "cuda" else "gloo", init_method=f"tcp://{place.address}:{place.port}",
            rank=rank, world_size=place.world, timeout=_PATIENCE,
        )  # fmt: skip
    except (distributed.DistError, OSError, ValueError, RuntimeError) as error:
        raise ModelyardError(
            f"the {place.world} processes of this training did not find each other at {place.address}:{place.port}: "
            f"{str(error).splitlines()[0]}",
            fix="Are all of its nodes running, and may they reach each other?",
            code="no-rendezvous",
        ) from error
    try:
        _share_checkpoint(job, group)
        yield group
        distributed.barrier()
    finally:
        with suppress(RuntimeError):
            distributed.destroy_process_group()


def _interface(place: Torchrun) -> str:
    """The interface by which the leader is reached. Gloo would ask the machine's own name, which may be its loopback.

    The leader's name is known once its pod has an address: it is waited for. Raises OSError where that takes too long.
    """
    until = time.monotonic() + _PATIENCE.total_seconds()
    while True:
        try:
            found = socket.getaddrinfo(place.address, place.port, type=socket.SOCK_DGRAM)[0]
            break
        except socket.gaierror:
            if time.monotonic() > until:
                raise
            time.sleep(1)
    with socket.socket(found[0], socket.SOCK_DGRAM) as probe:
        probe.connect(found[4])  # nothing is sent
        mine = probe.getsockname()[0]
    addresses = psutil.net_if_addrs()
    return next(name for name, known in addresses.items() if any(one.address == mine for one in known))


def _share_checkpoint(job: TrainJob, group: Group) -> None:
    """Give every node the leader's checkpoint: their folders need not be one."""
    path = job.checkpoints / CHECKPOINT
    content = path.read_bytes() if group.leads and path.is_file() else b""
    size = torch.tensor([len(content)], dtype=torch.int64, device=group.device)
    distributed.broadcast(size, 0)
    if not int(size.item()):
        return
    whole = torch.zeros(int(size.item()), dtype=torch.uint8)
    if group.leads:
        whole = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    whole = whole.to(group.device)
    distributed.broadcast(whole, 0)
    if not group.leads:
        write_whole(path, whole.cpu().numpy().tobytes())


def _start(job: TrainJob, work: Work, place: Torchrun) -> list[BaseProcess]:
    context = get_context("spawn")  # neither OpenMP nor CUDA survives a fork
    started: list[BaseProcess] = []
    for local_rank in range(1, place.processes):
        checkpoints = job.checkpoints / f"process-{local_rank}"
        checkpoints.mkdir(parents=True, exist_ok=True)
        silent = replace(job, checkpoints=checkpoints, report=report_nothing, note=_note_nothing)
        one = context.Process(target=_run, args=(silent, work, place, local_rank), daemon=True)
        one.start()
        started.append(one)
    if started:
        threading.Thread(target=_end_with, args=(started,), daemon=True).start()
    return started


def _run(job: TrainJob, work: Work, place: Torchrun, local_rank: int) -> None:
    processes.die_with_parent()
    set_seeds(job.seed)  # as the runtime has done in the first process
    with _member(job, place, local_rank) as group:
        work(job, group)


def _end_with(others: list[BaseProcess]) -> None:
    """End this process when another of its node fails: it would wait for that one's gradients for long."""
    left = {one.sentinel: one for one in others}
    while left:
        for sentinel in connection.wait(list(left)):
            one = left.pop(cast(int, sentinel))
            one.join()
            if one.exitcode:
                os.write(2, f"{one.name} of this training ended with exit code {one.exitcode}\n".encode())
                os._exit(1)


def _note_nothing(text: str) -> None:
    """As with what is reported: one of them tells."""


def mean(value: float, group: Group) -> float:
    """The mean of a number over the group."""
    if group.world == 1:
        return value
    total: Any = torch.tensor([value], dtype=torch.float64, device=group.device)
    distributed.all_reduce(total)
    return float(total.item()) / group.world
