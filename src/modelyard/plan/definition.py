"""A plan as frozen data: what would be done, why, and at what cost. Views and `apply` read it; nobody changes it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from modelyard.plan.objects import ObjectChange


class Action(StrEnum):
    """What is done to one address. `restore` takes an earlier result; `update` changes a service without a restart."""

    CREATE = "create"
    RERUN = "rerun"
    RESTORE = "restore"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    NOOP = "no-op"


ReasonKind = Literal[
    "new", "config", "code", "data", "package", "environment", "input", "after", "failed", "restore", "lost", "drift",
    "removed", "resources", "target", "format",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of a change: `what` went from `before` to `after` (as a person reads them), or `note` in words.

    `place` is `file:line` of the value in the spec, where the cause is there.
    """

    kind: ReasonKind
    what: str
    before: str | None = None
    after: str | None = None
    note: str = ""
    place: str | None = None

    @property
    def text(self) -> str:
        """What happened to `what`, without its name: `0.003 → 0.002`, `changed (+4 −1)`."""
        if self.note:
            return self.note
        return f"{self.before if self.before is not None else '(not set)'} → {self.after or '(removed)'}"

    def __str__(self) -> str:
        return f"{self.what} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a change will take, from history. `runs` counts the runs behind it; `cost` is None without prices."""

    seconds: float
    gpu_hours: float = 0.0
    cost: float | None = None
    runs: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One address and what is done to it.

    `certain` is false where the change hangs on what an upstream change brings: it reruns only if its input's digest
    changes. `fingerprint` is None while it is known after apply only. `after` names the changed nodes it waits for.
    `detail` says in words what the action means here; `summary` is the last result in one line.
    """

    address: str
    kind: str
    role: str
    action: Action
    reasons: tuple[Reason, ...] = ()
    certain: bool = True
    fingerprint: str | None = None
    after: tuple[str, ...] = ()
    estimate: Estimate | None = None
    detail: str = ""
    summary: str = ""

    @property
    def pending(self) -> bool:
        return self.action is not Action.NOOP


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole plan's estimate: `seconds` along the longest chain, as what is independent runs at the same time.

    `unknown` counts certain changes that have no history to estimate from.
    """

    seconds: float = 0.0
    gpu_hours: float = 0.0
    cost: float | None = None
    runs: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Plan:
    """Every selected address in the graph's order, then what is deleted. `serial` and `lineage` name the state seen.

    `skipped` are addresses that the spec switches off, each with why; `objects` what is not as wanted of what a cluster
    keeps beside them.
    """

    project: str
    changes: tuple[Change, ...]
    environment: str | None = None
    target: str = "local"
    totals: Totals = Totals()
    serial: int | None = None
    lineage: str | None = None
    applied_at: str | None = None
    applied_by: str | None = None
    against: str | None = None
    warnings: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    selected: bool = False
    objects: tuple[ObjectChange, ...] = ()
    by_address: dict[str, Change] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_address", {change.address: change for change in self.changes})

    @property
    def pending(self) -> Iterator[Change]:
        """The changes that do something, in order."""
        return (change for change in self.changes if change.action is not Action.NOOP)

    @property
    def empty(self) -> bool:
        return self.idle and not self.objects

    @property
    def idle(self) -> bool:
        """Whether no address has anything to do."""
        return next(self.pending, None) is None

    def counts(self) -> dict[str, int]:
        """How many changes of each action; what only may follow counts as `follow`, whatever its action would be."""
        found: dict[str, int] = {}
        for change in self.changes:
            word = str(change.action) if change.certain else "follow"
            found[word] = found.get(word, 0) + 1
        return found
