"""What a run was made with, recorded beside its result: cheap to take, and enough to explain a difference later."""

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modelyard.task import TaskDocument

_NVIDIA = Path("/proc/driver/nvidia/gpus")
_PACKAGES: dict[str, tuple[str, ...]] = {
    "ingest": ("pyarrow", "pandas", "pillow", "fsspec"),
    "expect": ("great-expectations", "pandas"),
    "features": ("duckdb", "pyarrow"),
    "materialize": ("duckdb", "pyarrow"),
    "join": ("duckdb", "pyarrow"),
    "evaluate": ("onnxruntime", "numpy", "scikit-learn"),
    "register": ("mlflow",),
}
_ENGINES: dict[str, tuple[str, ...]] = {
    "ultralytics": ("ultralytics", "torch", "torchvision", "onnx", "numpy"),
    "torch": ("torch", "torchvision", "onnx", "numpy"),
    "sklearn": ("scikit-learn", "skl2onnx", "onnx", "numpy", "pandas"),
}


def record_run(document: TaskDocument, seed: int) -> dict[str, Any]:
    node = document.node
    return {
        "python": platform.python_version(),
        "packages": versions(package_names(node)),
        "git": dict(document.git),
        "hardware": hardware(),
        "inputs": {port: artifact.digest for port, artifact in document.inputs.items()},
        "external": (node.get("external") or {}).get("digest"),
        "code": {file["path"]: file["digest"] for file in node.get("code", ())},
        "seed": seed,
        "attempt": document.attempt,
    }


def package_names(node: Mapping[str, Any]) -> list[str]:
    """The packages that a node declares, and those that its kind and engine work with."""
    declared = (name for name, _ in (node.get("environment") or {}).get("packages", ()))
    config = node.get("config", {})
    training = config.get("training")
    engine = config.get("engine") or (training.get("engine") if isinstance(training, Mapping) else None)
    study = ("optuna",) if node["kind"] == "tune" else ()
    return sorted({*declared, *_PACKAGES.get(node["kind"], ()), *_ENGINES.get(str(engine), ()), *study})


def versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions; what is not installed is left out."""
    wanted = list(names)
    if not wanted:
        return {}
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in wanted:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "machine": platform.machine() or sys.platform,
        "system": f"{os.uname().sysname} {os.uname().release}" if hasattr(os, "uname") else sys.platform,
        "cpus": os.cpu_count() or 0,
        "memory": pages * os.sysconf("SC_PAGE_SIZE") if pages else 0,
        "gpus": gpus(),
    }


def gpus() -> list[str]:
    """Names of NVIDIA GPUs by the driver's own files: no process is started for this."""
    names = []
    for file in sorted(_NVIDIA.glob("*/information")) if _NVIDIA.is_dir() else ():
        for line in file.read_text(errors="replace").splitlines():
            if line.startswith("Model:"):
                names.append(line.partition(":")[2].strip())
    return names
