"""What an apply did, address by address."""

from dataclasses import dataclass, field
from typing import Literal

from modelyard.plan.definition import Action

Outcome = Literal["done", "restored", "unchanged", "failed", "blocked", "cancelled", "not-started"]
"""`unchanged`: nothing to do, or cut off because its inputs came out the same. `blocked`: something it needs failed."""

_SIGNS = {"done": "✓", "restored": "↺", "unchanged": "=", "failed": "✗"}


@dataclass(frozen=True, slots=True)
class MetricChange:
    """A metric beside what it was: `against` says of what (`production v6`, `the last run`)."""

    name: str
    value: float
    earlier: float | None = None
    against: str = ""

    @property
    def difference(self) -> float | None:
        return None if self.earlier is None else self.value - self.earlier


@dataclass(frozen=True, slots=True)
class NodeReport:
    """`reason` is the line that matters of a failure, `cause` the address that blocked, `tail` its log's last lines."""

    address: str
    kind: str
    role: str
    action: Action
    outcome: Outcome
    seconds: float = 0.0
    summary: str = ""
    metrics: tuple[MetricChange, ...] = ()
    warnings: tuple[str, ...] = ()
    url: str = ""
    run_id: str = ""
    log: str = ""
    attempts: int = 0
    status: str = ""
    reason: str = ""
    fix: str = ""
    tail: tuple[str, ...] = ()
    cause: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome in {"done", "restored", "unchanged"}

    @property
    def sign(self) -> str:
        """What its line begins with."""
        return _SIGNS.get(self.outcome, "·")


@dataclass(frozen=True)
class ApplyReport:
    """Every planned address in the plan's order."""

    project: str
    environment: str | None
    nodes: tuple[NodeReport, ...]
    seconds: float = 0.0
    cancelled: bool = False
    warnings: tuple[str, ...] = ()
    tracking: str = ""
    by_address: dict[str, NodeReport] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_address", {node.address: node for node in self.nodes})

    @property
    def ok(self) -> bool:
        return not self.cancelled and all(node.ok for node in self.nodes)

    @property
    def failures(self) -> tuple[NodeReport, ...]:
        return tuple(node for node in self.nodes if node.outcome == "failed")

    @property
    def urls(self) -> dict[str, str]:
        """Where the services of this apply answer."""
        return {node.address: node.url for node in self.nodes if node.url}

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for node in self.nodes:
            found[node.outcome] = found.get(node.outcome, 0) + 1
        return found
