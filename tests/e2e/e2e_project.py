"""A copy of an example, worked on through the command line as a person does."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

EXAMPLES = Path(__file__).parents[2] / "examples"
PATH = os.pathsep.join(filter(None, [str(Path(__file__).parents[2] / "src"), os.environ.get("PYTHONPATH")]))


@dataclass(frozen=True)
class Project:
    """A copy of an example in a folder of its own."""

    root: Path

    def run(self, *arguments: str, code: int | None = 0) -> "subprocess.CompletedProcess[str]":
        """`modelyard …` there; `code` None accepts every exit code."""
        with self.start(*arguments) as process:
            out, err = process.communicate()
        done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        if code is not None:
            assert done.returncode == code, done.stdout + done.stderr
        return done

    def start(self, *arguments: str, **changes: str) -> "subprocess.Popen[str]":
        """`modelyard …` there, without waiting, in a session of its own; `changes` to its environment."""
        argv = [sys.executable, "-m", "modelyard", *arguments]
        env = {**os.environ, "NO_COLOR": "1", "MODELYARD_TRACEBACK": "1", "PYTHONPATH": PATH, **changes}
        return subprocess.Popen(
            argv, cwd=self.root, env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def apply(self, *arguments: str, code: int | None = 0) -> "subprocess.CompletedProcess[str]":
        return self.run("apply", "--auto-approve", *arguments, code=code)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--format", "json").stdout)

    def actions(self, *arguments: str) -> dict[str, str]:
        """What a plan would do, without what stays as it is."""
        changes = self.json("plan", *arguments)["changes"]
        return {change["address"]: change["action"] for change in changes if change["action"] != "no-op"}

    def edit(self, before: str, after: str) -> None:
        spec = self.root / "mlops.yaml"
        text = spec.read_text()
        assert text.count(before) == 1, f"{before!r} is there {text.count(before)} times"
        spec.write_text(text.replace(before, after))


def below(root: Path) -> list[psutil.Process]:
    """Processes that work in a folder, or below it, or name it in an argument."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        words = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(root) in word for word in words):
            found.append(process)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
