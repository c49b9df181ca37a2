"""Tasks and services for the local target's own tests."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import watching
from documents import task_document
from modelyard.graph.model import Node, Resources
from modelyard.targets.base import Deployment, Outcome
from modelyard.targets.local.executor import LocalExecutor
from modelyard.task import TaskDocument


def command(root: Path, *argv: str, **changes: Any) -> TaskDocument:
    return task_document(root, Node("steps.job", "command", config={"run": list(argv)}, outputs=("out",)), **changes)


def run(
    executor: LocalExecutor, task: TaskDocument, cancel: threading.Event | None = None, gpu: int = 0, memory: int = 0
) -> Outcome:  # fmt: skip
    log = Path(task.root) / ".modelyard" / "logs" / f"{task.run_id}.log"
    resources = Resources(gpu=gpu, memory=memory)
    return executor.run(task, resources, 60.0, log, lambda event: None, cancel or threading.Event())


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
    return Deployment(node, task_document(root, node, fingerprint=fingerprint, **changes))


eventually = partial(watching.eventually, seconds=15.0)
