"""What an evaluation finds: plain numbers, ready for `metrics.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scores:
    """`metrics` by name; `slices`: metrics by column, then by value; `rows`: how many rows or pictures were scored."""

    metrics: Mapping[str, float]
    slices: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    rows: int = 0

    def to_json(self) -> dict[str, Any]:
        slices = {
            column: {value: dict(found) for value, found in values.items()} for column, values in self.slices.items()
        }
        return {"metrics": dict(self.metrics), "slices": slices, "rows": self.rows}
