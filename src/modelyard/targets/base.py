"""The seam between a plan and a place to do it. Small on purpose: Compose and Kubernetes stand behind it too."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node, Resources
from modelyard.plan.objects import ObjectChange
from modelyard.task import TaskDocument, TaskResult

Files = Mapping[str, bytes]
"""Rendered files: relative path with `/` to content."""

OnEvent = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a target can run at once; None where it has no bound of its own (a cluster)."""

    cpu: float | None = None
    memory: int | None = None
    gpu: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt at a task ended.

    `reason` is the one line that matters, `tail` the last lines of its log; `fix` what to do, and `code` the error's
    stable word (`disk-full`), where the task said so.
    """

    status: Literal["ok", "failed", "timeout", "cancelled", "out-of-memory"]
    result: TaskResult | None = None
    exit_code: int | None = None
    reason: str = ""
    tail: tuple[str, ...] = ()
    fix: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class LiveService:
    """A service as it is now, whatever was asked for."""

    address: str
    status: Literal["starting", "ready", "unhealthy", "stopped", "failed"]
    fingerprint: str | None = None
    url: str | None = None
    since: str | None = None
    detail: str = ""
    version: str | None = None


@dataclass(frozen=True)
class Live:
    """What runs now, by address. A service of the graph that is not here does not run.

    `notes` are for a plan's lines: how large the image of a service is, where one has been built. `objects` are those
    of a cluster that are not as an apply would have them.
    """

    services: Mapping[str, LiveService] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    objects: Sequence[ObjectChange] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """A service to bring up or to change: the document its process starts from, and what it was before.

    `cancel`: nobody waits for it any more.
    """

    node: Node
    document: TaskDocument
    previous: LiveService | None = None
    cancel: threading.Event = field(default_factory=threading.Event)


def not_waited_for(address: str) -> ModelyardError:
    """Of a service whose deployment was cancelled: what ran before it runs again."""
    return ModelyardError(f"{address} was not waited for: cancelled", address=address, code="cancelled")


class Executor(Protocol):
    """Runs one task to its end, wherever the target runs things. Thread-safe: many `run` at once."""

    def run(
        self,
        task: TaskDocument,
        resources: Resources,
        timeout: float | None,
        log: Path,
        on_event: OnEvent,
        cancel: threading.Event,
    ) -> Outcome:
        """Block until the attempt has ended and nothing of it is left running. Never raises for a task's failure."""
        ...

    def capacity(self) -> Capacity: ...

    def close(self) -> None: ...


class Target(Protocol):
    """One per project and environment."""

    name: str

    def render(self, graph: Graph) -> Files:
        """Files that bring the graph up without Modelyard's CLI. Pure, deterministic, offline."""
        ...

    def observe(self, graph: Graph) -> Live: ...

    def executor(self) -> Executor: ...

    def deploy(self, deployment: Deployment, on_event: OnEvent) -> LiveService:
        """Start, replace or update one service and wait until it is ready. Raises ModelyardError with its log."""
        ...

    def remove(self, address: str, on_event: OnEvent) -> None:
        """Stop a service that this project started, and nothing else. A service that is gone is no error."""
        ...

    def sweep(self, volumes: bool = False) -> None:
        """Take away what is left of tasks whose apply was killed. Only to be called while no apply runs.

        With `volumes`, what its services keep beyond their end too: a database, measurements.
        """
        ...

    def log(self, address: str, number: int = 0, follow: bool = False) -> Iterator[str]:
        """The last `number` lines (0: all) that a service wrote, and with `follow` those to come, without their ends.

        Raises ModelyardError where the service never ran.
        """
        ...
