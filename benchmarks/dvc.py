"""DVC in an environment of its own, kept between runs: its pins and ours do not go together."""

import subprocess
import sys
from pathlib import Path

HOME = Path.home() / ".cache" / "modelyard" / "bench-dvc"


def dvc() -> str:
    """The path of `dvc`, installed at the first call."""
    program = HOME / "bin" / "dvc"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        subprocess.run([str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "dvc"], check=True)
    return str(program)


def project(folder: Path, stages: int) -> None:
    """A repository with N stages that do nothing but leave a file."""
    lines = ["stages:"]
    for number in range(stages):
        lines += [f"  s{number:04}:", f"    cmd: {sys.executable} -c pass && echo {number} > s{number:04}.txt",
                  "    outs:", f"    - s{number:04}.txt"]  # fmt: skip
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    for argv in (["git", "init", "-q"], [dvc(), "init", "-q"], [dvc(), "config", "core.analytics", "false"]):
        subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)
