"""A step that does nothing: its overhead, end to end, at most 1/5 of a DVC stage's.

In a pipeline of some length: a stage of DVC costs more the more there are, since it writes its whole lock each time.
"""

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from dvc import dvc, project
from measure import MODELYARD, result

FEW, MANY, ROUNDS = 5, 85, 3


def spec_of(count: int) -> str:
    """The same shell's line as in DVC's stages, so that neither is measured by what it runs."""
    steps = "".join(
        f"  s{number:04}:\n    run: [sh, -c, 'echo {number} > \"$0/out.txt\"', '${{outputs.out}}']\n"
        "    outputs: {out: {type: files}}\n"
        for number in range(count)
    )
    return f"version: 1\nproject: bench\nsteps:\n{steps}"


def ours(count: int, home: Path) -> float:
    folder = home / f"ours{count}"
    folder.mkdir(parents=True)
    (folder / "mlops.yaml").write_text(spec_of(count))
    started = time.perf_counter()
    subprocess.run([*MODELYARD, "apply", "--auto-approve", "-q", "--parallelism", "1"], cwd=folder, check=True)
    return time.perf_counter() - started


def peer(count: int, home: Path) -> float:
    folder = home / f"peer{count}"
    folder.mkdir(parents=True)
    project(folder, count)
    started = time.perf_counter()
    subprocess.run([dvc(), "repro", "-q"], cwd=folder, check=True)
    return time.perf_counter() - started


with tempfile.TemporaryDirectory() as home:
    dvc()
    steps, stages = [], []
    for number in range(ROUNDS):  # in turn, so that a drifting machine hits both alike
        there = Path(home, str(number))
        steps.append((ours(MANY, there) - ours(FEW, there)) / (MANY - FEW))
        stages.append((peer(MANY, there) - peer(FEW, there)) / (MANY - FEW))
    step, stage = statistics.median(steps), statistics.median(stages)
print(f"one step {step * 1000:.0f} ms, one DVC stage {stage * 1000:.0f} ms, both one after the other")
result("step", step, stage, 0.2)
