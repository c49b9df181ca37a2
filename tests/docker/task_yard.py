"""A small project whose tasks run in containers, and what is around them on the engine."""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from conftest import BASE
from documents import task_document
from modelyard.digests import digest_bytes
from modelyard.graph.model import CodeFile, Graph, Node, Resources
from modelyard.targets.base import Outcome
from modelyard.targets.compose.executor import ComposeExecutor
from modelyard.targets.compose.target import ComposeTarget
from modelyard.task import TaskDocument

PROJECT = "moments"
HANG = "import time; print('hanging', flush=True); time.sleep(600)"
CODE = """
import os
import sys


def leave(code):
    os._exit(code)


def read(out_dir):
    (out_dir / "x").write_text(repr(sys.stdin.read()))
"""


@dataclass
class Yard:
    """`open` is what a client that has just started does."""

    root: Path
    events: list[Mapping[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "code.py").write_text(CODE)
        self.executor = self.open()

    def open(self) -> ComposeExecutor:
        code = (CodeFile("code.py", digest_bytes(CODE.encode())),)
        nodes = {"steps.job": Node("steps.job", "command", config={"run": ["true"]}, code=code)}
        return ComposeTarget(Graph(PROJECT, nodes), self.root, {"base": BASE}).executor()

    def python(self, program: str, *arguments: str, **config: Any) -> TaskDocument:
        return self.task({"run": ["python", "-c", program, *arguments], **config})

    def task(self, config: Mapping[str, Any], kind: str = "command", **changes: Any) -> TaskDocument:
        node = Node("steps.job", kind, config=config, outputs=("out",))
        return task_document(self.root, node, **{"project": PROJECT, **changes})

    def run(self, task: TaskDocument, cancel: threading.Event | None = None, **resources: int) -> Outcome:
        wanted = Resources(**resources)
        return self.executor.run(task, wanted, 60.0, self.log(task), self.events.append, cancel or threading.Event())

    def log(self, task: TaskDocument) -> Path:
        return self.root / ".modelyard" / "logs" / f"{task.run_id}.log"

    def said(self, task: TaskDocument) -> str:
        return self.log(task).read_text() if self.log(task).exists() else ""


def client_of(root: Path, marker: str) -> list[str]:
    """The arguments of a program that runs one task in a yard, as the command line would."""
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    program = (
        f"import sys\nsys.path[:0] = {folders!r}\nfrom pathlib import Path\nfrom task_yard import HANG, Yard\n"
        f"yard = Yard(Path({str(root)!r}))\nyard.run(yard.python(HANG, {marker!r}))\n"
    )
    return [sys.executable, "-c", program]


def in_background(work: Callable[[], Outcome]) -> Callable[[], Outcome]:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(work()), daemon=True)
    thread.start()

    def outcome() -> Outcome:
        thread.join(60)
        return outcomes[0]

    return outcome


def working(marker: str) -> list[psutil.Process]:
    """Processes in containers with `marker` among their arguments: not those of the engine, which start them."""
    found = []
    for process in psutil.process_iter(["cmdline", "name", "status"]):
        mine = process.info["name"].startswith("python") and process.pid != os.getpid()
        if mine and marker in (process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
