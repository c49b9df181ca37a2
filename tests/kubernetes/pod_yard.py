"""Tasks on the tests' cluster, run by an executor as an apply would, and what is left of them there."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kube_yard import NAMESPACE, Yard

from cluster import Refusal
from documents import task_document
from modelyard.graph.model import Node, Resources
from modelyard.targets.base import Outcome
from modelyard.targets.kubernetes.executor import KubernetesExecutor
from modelyard.targets.kubernetes.statuses import condition_of, is_over
from modelyard.task import TaskDocument

OUT = "${outputs.out}"
WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1], 'x').write_text('x')"
SLOW = "import time; print('working', flush=True); time.sleep(600)"


def has_ended(obj: Mapping[str, Any]) -> bool:
    return is_over(dict(obj)) or condition_of(dict(obj), "Complete", "Failed") is not None


@dataclass
class Tasks:
    """`executor` is a new one each time, as a process that has just started would have."""

    yard: Yard
    root: Path
    events: list[Mapping[str, Any]] = field(default_factory=list)
    opened: list[KubernetesExecutor] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def executor(self, **settings: Any) -> KubernetesExecutor:
        self.opened.append(self.yard.target(**settings).executor())
        return self.opened[-1]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def python(self, program: str, *arguments: str, **changes: Any) -> TaskDocument:
        config = {"run": ["python", "-c", program, *arguments]}
        node = Node("steps.job", "command", config=config, outputs=("out",))
        return task_document(self.root, node, **{"project": self.yard.project, **changes})

    def run(
        self, task: TaskDocument, executor: KubernetesExecutor | None = None, cancel: threading.Event | None = None,
        timeout: float | None = 60.0, **resources: int,
    ) -> Outcome:  # fmt: skip
        runs = executor or self.executor()
        wanted = Resources(**resources)
        return runs.run(task, wanted, timeout, self.log(task), self.events.append, cancel or threading.Event())

    def background(self, task: TaskDocument, *arguments: Any, **options: Any) -> Callable[[], Outcome]:
        outcomes: list[Outcome] = []
        thread = threading.Thread(target=lambda: outcomes.append(self.run(task, *arguments, **options)), daemon=True)
        thread.start()
        self.threads = [*(one for one in self.threads if one.is_alive()), thread]

        def outcome() -> Outcome:
            thread.join(60)
            return outcomes[0]

        return outcome

    def log(self, task: TaskDocument) -> Path:
        return self.root / ".modelyard" / "logs" / f"{task.run_id}.log"

    def said(self, task: TaskDocument) -> str:
        return self.log(task).read_text() if self.log(task).exists() else ""

    def told(self, kind: str = "note") -> list[str]:
        return [str(event.get("text")) for event in self.events if event["event"] == kind]

    def jobs(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.yard.listed("Job")]

    def left(self) -> list[str]:
        """Objects of tasks that are still there, but for Jobs that stay to be looked at, and their pods."""
        found = [obj for kind in ("Job", "Pod", "ConfigMap") for obj in self.yard.listed(kind) if not has_ended(obj)]
        return [
            obj["metadata"]["name"] for obj in found if (obj["metadata"].get("labels") or {}).get("modelyard.dev/run")
        ]

    def kept(self) -> list[str]:
        """Jobs that have ended."""
        return [job["metadata"]["name"] for job in self.yard.listed("Job") if has_ended(job)]

    def delete_job(self, name: str) -> None:
        try:
            self.yard.server.objects.delete("Job", NAMESPACE, name, {"propagationPolicy": "Background"})
        except Refusal as refusal:
            assert refusal.code == 404
