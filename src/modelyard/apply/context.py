"""What every part of one apply shares: where things are, what is known so far, and how to tell about it."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.apply.events import ApplyEvent, OnApplyEvent
from modelyard.apply.report import NodeReport
from modelyard.graph.codec import node_to_json
from modelyard.graph.model import Graph, Node
from modelyard.plan.definition import Change, Plan
from modelyard.plan.inputs import KnownOutputs, Outputs, Resolved
from modelyard.state import AppliedRecord, State
from modelyard.store import Store
from modelyard.targets.base import Executor, Live, Target
from modelyard.task import Artifact, TaskDocument


@dataclass
class Applying:
    """One apply under way. Threads share it: `outputs` and `reports` are written once a node, each its own key."""

    plan: Plan
    graph: Graph
    target: Target
    executor: Executor
    state: State
    store: Store
    root: Path
    applied: dict[str, AppliedRecord]
    live: Live
    unfinished: frozenset[str]
    cancel: threading.Event
    apply_id: str
    git: Mapping[str, Any] = field(default_factory=dict)
    on_event: OnApplyEvent | None = None
    outputs: KnownOutputs = field(default_factory=KnownOutputs)
    artifacts: dict[str, Mapping[str, Artifact]] = field(default_factory=dict)
    reports: dict[str, NodeReport] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> str | None:
        return self.graph.environment

    def emit(self, event: ApplyEvent) -> None:
        """One at a time, so that whoever shows progress needs no lock."""
        if self.on_event:
            with self._turn:
                self.on_event(event)

    def change(self, address: str) -> Change:
        return self.plan.by_address[address]

    def know(self, address: str, outputs: Mapping[str, Artifact]) -> None:
        self.artifacts[address] = outputs
        self.outputs.set(address, Outputs(outputs))

    def inputs(self, node: Node) -> Resolved:
        return self.outputs.resolve(node)

    def document(self, node: Node, fingerprint: str, run_id: str, attempt: int, workdir: Path) -> TaskDocument:
        """NODE.json for a task or a service."""
        settings = self.graph.settings
        return TaskDocument(
            project=self.graph.project,
            root=str(self.root),
            node=node_to_json(node),
            fingerprint=fingerprint,
            run_id=run_id,
            inputs={port: self.artifacts[ref.node][ref.output] for port, ref in node.inputs.items()},
            store=dict(settings.get("store") or {}),
            workdir=str(workdir),
            result=str(workdir / f"result-{attempt}.json"),
            attempt=attempt,
            environment=self.environment,
            tracking=dict(settings.get("tracking") or {}),
            git=dict(self.git),
            settings=dict(settings),
        )

    def record(self, record: AppliedRecord, event: str) -> None:
        """Write what is applied now, at once, and that it happened."""
        stored = self.state.record_applied(self.environment, record)
        self.applied[record.address] = stored
        payload = {
            "address": record.address, "fingerprint": record.fingerprint, "run": record.run_id,
            "apply": self.apply_id, "outputs": {name: artifact.digest for name, artifact in record.outputs.items()},
        }  # fmt: skip
        self.state.journal(event, payload, self.environment)
