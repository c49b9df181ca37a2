"""What a node of the graph needs of a node of the cluster: cores, memory, GPUs of its kind, and shared memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.graph.model import Resources
from modelyard.targets.kubernetes.quantities import cores, size
from modelyard.targets.kubernetes.settings import Cluster, GpuKind

PRODUCT = "nvidia.com/gpu.product"
"""The label of NVIDIA's GPU feature discovery: `NVIDIA-A100-SXM4-80GB`, with `-SHARED` behind it when time-sliced."""
_SHARED = "nvidia.com/gpu.shared"
_TAINT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
_MIG = "mig-"
SHM = "shm"
THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Room:
    """Parts of a pod. `resources`, `env` and `mounts` are the container's; the others the pod's own."""

    resources: Mapping[str, Any]
    env: tuple[Mapping[str, str], ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    volumes: tuple[Mapping[str, Any], ...] = ()
    mounts: tuple[Mapping[str, Any], ...] = ()


def pod_resources(resources: Resources, cluster: Cluster, *, task: bool) -> Room:
    """Room for one pod of a node of the graph.

    Memory is asked for as it is limited: a pod that was let in is not evicted for what it was promised. A task's
    /dev/shm, through which the workers of a data loader hand their batches over, may take half of its memory, as
    everywhere on Linux; a container's own has 64 MiB.
    """
    memory = resources.memory or cluster.memory
    wanted = {"cpu": cores(resources.cpu), "memory": size(memory)}
    kind = _kind(resources, cluster) if resources.gpu else None
    if kind:
        wanted[kind.resource] = str(resources.gpu)
    shm = {"name": SHM, "emptyDir": {"medium": "Memory", "sizeLimit": size(memory // 2)}}
    return Room(
        resources={"requests": wanted, "limits": dict(wanted)},
        env=({"name": THREADS, "value": str(threads(resources))},),
        node_selector={**cluster.node_selector, **(kind.node_selector if kind else {})},
        tolerations=_each_once((*cluster.tolerations, *(kind.tolerations if kind else ()))),
        volumes=(shm,) if task else (),
        mounts=({"name": SHM, "mountPath": "/dev/shm"},) if task else (),  # noqa: S108 - the pod's own memory
    )


def threads(resources: Resources, processes: int = 1) -> int:
    """Of each process. Libraries count the machine's cores, not those of the limit, and would then wait for turns."""
    return max(math.ceil(resources.cpu) // processes, 1)


def _kind(resources: Resources, cluster: Cluster) -> GpuKind:
    name = resources.gpu_type
    kind = GpuKind() if name is None else cluster.gpus.get(name) or _as_nvidia_has_it(name)
    return kind if kind.tolerations else replace(kind, tolerations=(_TAINT,))


def _as_nvidia_has_it(name: str) -> GpuKind:
    """What its device plugin and its feature discovery call a kind that the cluster says nothing about."""
    if name.startswith(_MIG):
        return GpuKind(f"nvidia.com/{name}")
    if name == "shared":
        return GpuKind(_SHARED)
    return GpuKind(node_selector={PRODUCT: name.replace(" ", "-")})


def _each_once(tolerations: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
    found: list[Mapping[str, Any]] = []
    for one in tolerations:
        if one not in found:
            found.append(one)
    return tuple(found)
