"""One expectation and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Check:
    """`failed` of `total` did not meet it, `rows` are the first of them; `observed` is what was found, if one value.

    `error` is set where the expectation could not be looked at (a column that is not there).
    """

    name: str
    kwargs: Mapping[str, Any]
    passed: bool
    observed: Any = None
    failed: int = 0
    total: int = 0
    rows: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kwargs": dict(self.kwargs),
            "passed": self.passed,
            "observed": self.observed,
            "failed": self.failed,
            "total": self.total,
            "rows": [dict(row) for row in self.rows],
            "error": self.error,
        }

    @property
    def title(self) -> str:
        told = ", ".join(f"{name}: {value}" for name, value in self.kwargs.items())
        return f"{self.name} {{{told}}}" if told else self.name

    @property
    def story(self) -> str:
        """What was found, in a line."""
        if self.error:
            return self.error
        if self.total and not self.passed:
            rows = "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in self.rows[:SHOWN])
            more = "; …" if self.failed > len(self.rows[:SHOWN]) else ""
            share = f"{self.failed:,} of {self.total:,} ({self.failed / self.total:.2%})"
            return f"{share}: {rows}{more}" if rows else share
        if self.observed is not None:
            return f"found {self.observed}"
        if not self.passed:
            return "does not hold"
        return (
            f"{self.failed:,} of {self.total:,} outside"
            if self.failed
            else f"all {self.total:,}"
            if self.total
            else "holds"
        )
