"""A target in memory behind the real protocols, over the real state and store."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelyard.apply import ApplyReport, apply_plan, plan_project
from modelyard.graph.model import Graph, Node, Ref, Resources
from modelyard.plan import Plan
from modelyard.state import State
from modelyard.store import Store
from modelyard.targets.base import Capacity, Deployment, Live, LiveService, Outcome
from modelyard.task import TaskDocument, TaskResult

Behaviour = Callable[[TaskDocument, threading.Event], Outcome | None]


def node(address: str, kind: str = "command", inputs: Mapping[str, str | Ref] | None = None, **fields: Any) -> Node:
    ports = {port: ref if isinstance(ref, Ref) else Ref(*ref.split(":")) for port, ref in (inputs or {}).items()}
    role = "service" if kind in {"serve", "monitor"} else "task"
    outputs = fields.pop("outputs", () if role == "service" else ("out",))
    return Node(address, kind, role, inputs=MappingProxyType(ports), outputs=outputs, **fields)


def graph(*nodes: Node, **fields: Any) -> Graph:
    return Graph("digits", MappingProxyType({one.address: one for one in nodes}), "dev", **fields)


@dataclass
class FakeExecutor:
    """Makes a folder whose content follows from `config.makes`, else from all the node reads. Remembers what ran."""

    store: Store
    limits: Capacity = field(default_factory=lambda: Capacity(cpu=4.0, memory=8 << 30, gpu=0))
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    timeouts: dict[str, float | None] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    most: list[frozenset[str]] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def capacity(self) -> Capacity:
        return self.limits

    def close(self) -> None:
        assert not self.running, f"left running: {self.running}"

    def run(self, task: TaskDocument, resources: Resources, timeout: float | None, log: Path, on_event: Any,
            cancel: threading.Event) -> Outcome:  # fmt: skip
        address = task.node["address"]
        with self.turn:
            self.ran.append(address)
            self.timeouts[address] = timeout
            self.running.add(address)
            self.most.append(frozenset(self.running))
        try:
            on_event({"event": "progress", "done": 1, "total": 1})
            behaviour = self.behaviours.get(address)
            outcome = behaviour(task, cancel) if behaviour else None
            return outcome or Outcome("ok", self.make(task))
        finally:
            with self.turn:
                self.running.discard(address)

    def make(self, task: TaskDocument) -> TaskResult:
        config = task.node["config"]
        content = config.get("makes") or json.dumps([task.node["kind"], dict(config), sorted(
            artifact.digest for artifact in task.inputs.values())])  # fmt: skip
        outputs = {}
        for name in task.node["outputs"]:
            folder = Path(task.workdir) / task.run_id / name
            folder.mkdir(parents=True)
            (folder / "content").write_text(f"{content} {name}")
            outputs[name] = self.store.put_tree(folder)
        result = TaskResult(
            task.fingerprint, outputs, metrics=config.get("metrics", {}), summary=f"made {task.node['address']}",
            run_id=task.run_id, finished_at="2026-01-01T00:00:00+00:00",
        )  # fmt: skip
        self.store.put_result(task.fingerprint, result)
        return result


@dataclass
class FakeTarget:
    fake: FakeExecutor
    name: str = "fake"
    services: dict[str, LiveService] = field(default_factory=dict)
    deployed: list[tuple[str, str | None]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    swept: int = 0
    notes: dict[str, str] = field(default_factory=dict)

    def render(self, graph: Graph) -> dict[str, bytes]:
        return {}

    def observe(self, graph: Graph) -> Live:
        return Live(dict(self.services), dict(self.notes))

    def executor(self) -> FakeExecutor:
        return self.fake

    def sweep(self, volumes: bool = False) -> None:
        self.swept += 1

    def deploy(self, deployment: Deployment, on_event: Any) -> LiveService:
        address = deployment.node.address
        if address in self.failing:
            raise self.failing[address]
        self.deployed.append((address, deployment.previous.fingerprint if deployment.previous else None))
        live = LiveService(address, "ready", deployment.document.fingerprint, "http://127.0.0.1:8080")
        self.services[address] = live
        return live

    def remove(self, address: str, on_event: Any) -> None:
        self.removed.append(address)
        self.services.pop(address, None)


@dataclass
class Yard:
    """A project in a temporary folder; `apply` plans and applies, `ran` says what that ran."""

    root: Path
    state: State
    store: Store
    target: FakeTarget

    @classmethod
    def at(cls, root: Path) -> "Yard":
        store = Store.open({}, root)
        state = State.open("sqlite:///.modelyard/state.db", root)
        return cls(root, state, store, FakeTarget(FakeExecutor(store)))

    @property
    def executor(self) -> FakeExecutor:
        return self.target.fake

    def plan(self, graph: Graph, **options: Any) -> Plan:
        return plan_project(graph, self.state, self.store, self.target.observe(graph), self.root, **options)

    def apply(self, graph: Graph, plan: Plan | None = None, **options: Any) -> ApplyReport:
        self.executor.ran.clear()
        plan = plan or self.plan(graph)
        return apply_plan(plan, graph, self.target, self.state, self.store, root=self.root, **options)

    @property
    def ran(self) -> list[str]:
        return list(self.executor.ran)


def fails(reason: str = "boom", times: int = 1_000) -> Behaviour:
    """Fails so many times, then works."""
    left = [times]

    def behave(task: TaskDocument, cancel: threading.Event) -> Outcome | None:
        left[0] -= 1
        return Outcome("failed", exit_code=1, reason=reason, tail=("line 1", "line 2")) if left[0] >= 0 else None

    return behave


def takes(seconds: float) -> Behaviour:
    """Takes its time, and ends early when cancelled."""

    def behave(task: TaskDocument, cancel: threading.Event) -> Outcome | None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if cancel.wait(0.005):
                return Outcome("cancelled")
        return None

    return behave
