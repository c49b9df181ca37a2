"""What the benchmarks share: timing whole processes, fairly, and the closing line."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# Bytecode is written as at a user's: some build machines switch that off, and every start would compile anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

MODELYARD = (sys.executable, "-m", "modelyard")


def seconds(argv: Sequence[str], cwd: Path, env: dict[str, str] | None = None) -> float:
    """Wall seconds of one run to its successful end."""
    started = time.perf_counter()
    subprocess.run(list(argv), cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def alternate(
    ours: Sequence[str], peer: Sequence[str], cwd_ours: Path, cwd_peer: Path, runs: int
) -> tuple[float, float]:
    """Medians of both, run in turn after one warm-up each, so that a drifting machine hits both alike."""
    seconds(ours, cwd_ours)
    seconds(peer, cwd_peer)
    pairs = [(seconds(ours, cwd_ours), seconds(peer, cwd_peer)) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def peak_memory_mb(argv: Sequence[str], cwd: Path) -> float:
    """The largest resident set of a run, in MB."""
    code = (
        "import resource,subprocess,sys;"
        "subprocess.run(sys.argv[1:],check=True,stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], cwd=cwd, check=True, capture_output=True, text=True)
    return float(done.stdout)


def need(program: str) -> str:
    """The peer's path; without the peer there is no measurement, and that is said, not hidden."""
    path = shutil.which(program)
    if path is None:
        sys.exit(f"{program} is not installed; this benchmark measures against it")
    return path


def result(name: str, ours: float, peer: float, goal: float, *, extra: bool = True) -> None:
    """Print the closing line and exit: 0 where ours/peer is at most `goal` and `extra` holds, else 1."""
    ratio = ours / peer
    print(f"RESULT name={name} ours={ours:.4f} peer={peer:.4f} ratio={ratio:.3f} goal={goal}")
    sys.exit(0 if ratio <= goal and extra else 1)


__all__ = ["MODELYARD", "alternate", "need", "peak_memory_mb", "result", "seconds"]
