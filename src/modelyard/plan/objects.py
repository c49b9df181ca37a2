"""What an apply would change of what a target keeps beside tasks and services: the objects of a cluster, by field."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`before` is what the cluster has, `after` what it would have; None where there is nothing.

    `drift`: it is not as we left it, changed by `manager` (None where the cluster does not tell) at `at`.
    """

    field: str
    before: Any
    after: Any
    drift: bool = False
    manager: str | None = None
    at: str | None = None

    @property
    def author(self) -> str:
        """In brackets, who changed it; empty where it is we who would."""
        return f" (changed by {self.manager or 'somebody'}{f' at {self.at}' if self.at else ''})" if self.drift else ""

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.before)} → {_shown(self.after)}{self.author}"


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """`address` is the node that it belongs to, None for what the whole environment shares."""

    title: str
    address: str | None
    action: Literal["create", "update", "delete"]
    fields: tuple[FieldChange, ...] = ()

    @property
    def drift(self) -> tuple[FieldChange, ...]:
        return tuple(change for change in self.fields if change.drift)


def by_kind(changes: Sequence[ObjectChange]) -> str:
    """`6 NetworkPolicy, 3 Service`, the most first."""
    counts = Counter(change.title.partition(" ")[0] for change in changes)
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if value is not None else "nothing"
    return text if len(text) <= 80 else f"{text[:79]}…"
