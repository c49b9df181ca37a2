"""What this machine has, and GPUs lent out by slot."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.targets.base import Capacity


def machine() -> Capacity:
    """Cores that this process may use, memory in bytes (the container's limit where there is one), and GPUs."""
    return Capacity(cpu=float(_cores()), memory=_memory(), gpu=len(gpu_names()))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def gpu_names() -> list[str]:
    """The GPUs that may be used, as `CUDA_VISIBLE_DEVICES` would name them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() and name.strip() != "-1"]
    cards = list(Path("/proc/driver/nvidia/gpus").glob("*")) or _listed_by_driver()
    return [str(number) for number in range(len(cards))]


def _listed_by_driver() -> list[str]:
    if not shutil.which("nvidia-smi"):
        return []
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in done.stdout.splitlines() if line.startswith("GPU ")]


class GpuSlots:
    """GPUs, each lent to one task at a time."""

    def __init__(self, names: list[str]) -> None:
        self._free = list(names)
        self.total = len(names)
        self._changed = threading.Condition()

    @contextmanager
    def lend(self, count: int, cancel: threading.Event) -> Iterator[list[str]]:
        """Wait for `count` GPUs (fewer are given only when `cancel` is set) and give them back at the end."""
        with self._changed:
            while len(self._free) < count and not cancel.is_set():
                self._changed.wait(0.2)
            lent, self._free = self._free[:count], self._free[count:]
        try:
            yield lent
        finally:
            with self._changed:
                self._free = sorted([*self._free, *lent], key=lambda name: (len(name), name))
                self._changed.notify_all()
