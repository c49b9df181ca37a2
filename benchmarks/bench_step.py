"""A step that does nothing: its overhead, end to end, at most 1/5 of a DVC stage's."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dvc import dvc, project
from measure import MODELYARD, result

FEW, MANY = 5, 45


def spec_of(count: int) -> str:
    code = "import sys;open(sys.argv[1]+'/out.txt','w').write(sys.argv[2])"
    steps = "".join(
        f"  s{number:04}:\n    run: [{sys.executable}, -c, {code!r}, '${{outputs.out}}', '{number}']\n"
        "    outputs: {out: {type: files}}\n"
        for number in range(count)
    )
    return f"version: 1\nproject: bench\nsteps:\n{steps}"


def ours(count: int, home: str) -> float:
    folder = Path(home, f"ours{count}")
    folder.mkdir()
    (folder / "mlops.yaml").write_text(spec_of(count))
    started = time.perf_counter()
    subprocess.run([*MODELYARD, "apply", "--auto-approve", "-q", "--parallelism", "1"], cwd=folder, check=True)
    return time.perf_counter() - started


def peer(count: int, home: str) -> float:
    folder = Path(home, f"peer{count}")
    folder.mkdir()
    project(folder, count)
    started = time.perf_counter()
    subprocess.run([dvc(), "repro", "-q"], cwd=folder, check=True)
    return time.perf_counter() - started


with tempfile.TemporaryDirectory() as home:
    dvc()
    step = (ours(MANY, home) - ours(FEW, home)) / (MANY - FEW)
    stage = (peer(MANY, home) - peer(FEW, home)) / (MANY - FEW)
print(f"one step {step * 1000:.0f} ms, one DVC stage {stage * 1000:.0f} ms, both one after the other")
result("step", step, stage, 0.2)
