"""What an apply tells whoever shows its progress. Events come one at a time, from several threads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard.apply.report import ApplyReport, NodeReport


@dataclass(frozen=True, slots=True)
class ApplyStarted:
    """`pending` are the addresses that may be worked on, in order; `unchanged` those that stay as they are."""

    pending: tuple[str, ...]
    unchanged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LockWaiting:
    """Another process holds the state; `holder` says who, since when and for what."""

    holder: str


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """An attempt begins. For a service `log` and `run_id` may be empty."""

    address: str
    kind: str
    run_id: str = ""
    attempt: int = 1
    log: str = ""


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """What the task or the service itself says: see `modelyard.task` for the kinds of `event`."""

    address: str
    event: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeRetry:
    """An attempt failed; the next begins in `wait` seconds."""

    address: str
    attempt: int
    wait: float
    reason: str


@dataclass(frozen=True, slots=True)
class NodeFinished:
    report: NodeReport


@dataclass(frozen=True, slots=True)
class ApplyFinished:
    report: ApplyReport


ApplyEvent = ApplyStarted | LockWaiting | NodeStarted | NodeEvent | NodeRetry | NodeFinished | ApplyFinished
OnApplyEvent = Callable[[ApplyEvent], None]
