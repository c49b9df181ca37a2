"""Tasks and services for the local target's own tests."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from modelyard.graph.codec import node_to_json
from modelyard.graph.model import Node, Resources
from modelyard.targets.base import Deployment, Outcome
from modelyard.targets.local.executor import LocalExecutor
from modelyard.task import TaskDocument


def document(root: Path, node: Node, **changes: Any) -> TaskDocument:
    workdir = root / ".modelyard" / "work" / uuid4().hex[:12]
    values: dict[str, Any] = {
        "project": "p",
        "root": str(root),
        "node": node_to_json(node),
        "fingerprint": f"b3:{uuid4().hex * 2}",
        "run_id": uuid4().hex[:12],
        "inputs": {},
        "store": {},
        "workdir": str(workdir),
        "result": str(workdir / "result.json"),
    }
    return TaskDocument(**{**values, **changes})


def command(root: Path, *argv: str, **changes: Any) -> TaskDocument:
    return document(root, Node("steps.job", "command", config={"run": list(argv)}, outputs=("out",)), **changes)


def run(
    executor: LocalExecutor, task: TaskDocument, cancel: threading.Event | None = None, gpu: int = 0
) -> Outcome:  # fmt: skip
    log = Path(task.root) / ".modelyard" / "logs" / f"{task.run_id}.log"
    return executor.run(task, Resources(gpu=gpu), 60.0, log, lambda event: None, cancel or threading.Event())


def in_background(work: Callable[[], Outcome]) -> Callable[[], Outcome]:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(work()))
    thread.start()

    def outcome() -> Outcome:
        thread.join(30)
        return outcomes[0]

    return outcome


def service(root: Path, config: Mapping[str, Any], fingerprint: str = "b3:1", **changes: Any) -> Deployment:
    node = Node("serving.api", "command", role="service", config=config)
    return Deployment(node, document(root, node, fingerprint=fingerprint, **changes))


def with_marker(marker: str) -> list[psutil.Process]:
    """Processes that have `marker` among their arguments and still run."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE and marker in (process.info["cmdline"] or ()):
            found.append(process)
    return found


def eventually(holds: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.05)
