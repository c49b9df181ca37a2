"""Which of several processes this is that work on one task together, told by torchrun's own environment.

`PET_NNODES`, `PET_NODE_RANK`, `PET_NPROC_PER_NODE`, `PET_MASTER_ADDR` and `PET_MASTER_PORT` are what torchrun reads in
place of its options, and what Kubeflow's Trainer sets: a `torchrun` in a user's own command needs nothing else.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.errors import ModelyardError

PORT = 29500


@dataclass(frozen=True, slots=True)
class Torchrun:
    """`processes` is how many of each of the `nodes` work; the node of rank 0 leads and listens at `address`."""

    nodes: int = 1
    node_rank: int = 0
    processes: int = 1
    address: str = "127.0.0.1"
    port: int = PORT

    @property
    def world(self) -> int:
        return self.nodes * self.processes

    @property
    def follows(self) -> bool:
        return self.node_rank > 0


def torchrun_of(environment: Mapping[str, str] = os.environ) -> Torchrun:
    """What the environment says. Raises ModelyardError for what makes no sense, such as a rank beyond the nodes."""
    nodes = _number(environment, "PET_NNODES", 1)
    rank = _number(environment, "PET_NODE_RANK", 0)
    processes = _number(environment, "PET_NPROC_PER_NODE", 1)
    if not (nodes >= 1 and processes >= 1 and 0 <= rank < nodes):
        what = f"PET_NNODES is {nodes}, PET_NODE_RANK {rank} and PET_NPROC_PER_NODE {processes}"
        raise ModelyardError(what, fix="Ranks count from 0 to one below the number of nodes", code="bad-torchrun")
    address = environment.get("PET_MASTER_ADDR") or "127.0.0.1"
    return Torchrun(nodes, rank, processes, address, _number(environment, "PET_MASTER_PORT", PORT))


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise ModelyardError(f"{name} is `{text}`, not a number", code="bad-torchrun") from error
