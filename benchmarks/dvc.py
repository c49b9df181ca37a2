"""DVC in an environment of its own, kept between runs: its pins and ours do not go together."""

import hashlib
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
        lines += [f"  s{number:04}:", f"    cmd: {_command(number)}", "    outs:", f"    - s{number:04}.txt"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    for argv in (["git", "init", "-q"], [dvc(), "init", "-q"], [dvc(), "config", "core.analytics", "false"]):
        subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def as_run(folder: Path, stages: int) -> None:
    """What `dvc repro` would have left: outputs, cache and lock. It writes the whole lock after each: minutes."""
    lines = ["schema: '2.0'", "stages:"]
    for number in range(stages):
        content = f"{number}\n".encode()
        digest = hashlib.md5(content).hexdigest()
        cached = folder / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
        cached.parent.mkdir(parents=True, exist_ok=True)
        for path in (folder / f"s{number:04}.txt", cached):
            path.write_bytes(content)
        lines += [f"  s{number:04}:", f"    cmd: {_command(number)}", "    outs:", f"    - path: s{number:04}.txt",
                  "      hash: md5", f"      md5: {digest}", f"      size: {len(content)}"]  # fmt: skip
    (folder / "dvc.lock").write_text("\n".join(lines) + "\n")
    said = subprocess.run([dvc(), "status"], cwd=folder, check=True, capture_output=True, text=True).stdout
    if "up to date" not in said:
        sys.exit(f"DVC has something to do, and was to have nothing: {said[:500]}")


def _command(number: int) -> str:
    return f"echo {number} > s{number:04}.txt"
