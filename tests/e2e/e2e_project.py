"""A copy of an example, worked on through the command line as a person does."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Project:
    """A copy of an example in a folder of its own."""

    root: Path

    def run(self, *arguments: str, code: int | None = 0) -> "subprocess.CompletedProcess[str]":
        """`modelyard …` there; `code` None accepts every exit code."""
        argv = [sys.executable, "-m", "modelyard", *arguments]
        env = {**os.environ, "NO_COLOR": "1", "MODELYARD_TRACEBACK": "1"}
        done = subprocess.run(argv, cwd=self.root, capture_output=True, text=True, check=False, env=env)
        if code is not None:
            assert done.returncode == code, done.stdout + done.stderr
        return done

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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
