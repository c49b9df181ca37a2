"""Gates: CEL expressions that a model's version must pass before it goes anywhere."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.wording import on_one_line

_NAME = re.compile(r"\b(?:metrics|champion|slices|size|latency)(?:\.\w+|\[(?:\"[^\"]*\"|'[^']*')\])+")
_PART = re.compile(r"\.(\w+)|\[[\"']([^\"']*)[\"']\]")


@dataclass(frozen=True)
class Gate:
    """One gate's outcome, with the values that it looked at."""

    expr: str
    passed: bool
    values: Mapping[str, float]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Gate":
        return cls(data["expr"], data["passed"], data["values"])

    def to_json(self) -> dict[str, Any]:
        return {"expr": self.expr, "passed": self.passed, "values": dict(self.values)}

    def __str__(self) -> str:
        shown = ", ".join(f"{name} is {value:.6g}" for name, value in self.values.items())
        return f"`{on_one_line(self.expr)}`" + (f": {shown}" if shown else "")


def check_gates(expressions: Sequence[str], names: Mapping[str, Any], address: str) -> list[Gate]:
    """Evaluate every gate. Raises ModelyardError for one that cannot be: a name that is not there, no true or false."""
    return [_check(expression, names, f"{address}.gate[{index}]") for index, expression in enumerate(expressions)]


def _check(expression: str, names: Mapping[str, Any], address: str) -> Gate:
    import cel

    values = values_of(expression, names)
    try:
        outcome = cel.evaluate(expression, dict(names))
    except KeyError as error:
        there = ", ".join(f"metrics.{name}" for name in names["metrics"])
        raise ModelyardError(
            f"the gate `{on_one_line(expression)}` names {error}, which is not there", address=address,
            fix=f"There is: {there}. Where it may be missing, ask with has(…)", code="bad-gate",
        ) from error  # fmt: skip
    except (ValueError, TypeError, RuntimeError) as error:
        what = f"the gate `{on_one_line(expression)}` cannot be told: {str(error).splitlines()[0]}"
        raise ModelyardError(what, address=address, code="bad-gate") from error
    if not isinstance(outcome, bool):
        what = f"the gate `{on_one_line(expression)}` is neither true nor false, but {outcome!r}"
        raise ModelyardError(what, address=address, code="bad-gate")
    return Gate(expression, outcome, values)


def values_of(expression: str, names: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that an expression names, as far as they are there: what a person wants to see when it fails."""
    found: dict[str, float] = {}
    for match in _NAME.finditer(expression):
        text = match[0]
        value: Any = names.get(re.split(r"[.\[]", text, maxsplit=1)[0])
        for part in _PART.finditer(text):
            value = value.get(part[1] or part[2]) if isinstance(value, Mapping) else None
        if isinstance(value, (int, float)):
            found[text] = float(value)
    return found
