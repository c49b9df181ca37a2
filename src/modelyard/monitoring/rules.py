"""Rules over the checks' results: a condition in CEL, how many windows in a row it must hold, and what follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """`holds` is None where it could not be computed (`error` says why); `fires` on the window that completes `for`."""

    condition: str
    holds: bool | None
    streak: int
    needed: int
    fires: bool
    then: Sequence[Mapping[str, Any]]
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "if": self.condition,
            "holds": self.holds,
            "streak": self.streak,
            "for": self.needed,
            "fires": self.fires,
            "error": self.error,
        }


def judge(
    rules: Sequence[Mapping[str, Any]], values: Mapping[str, Any], rows: int, streaks: Mapping[str, int]
) -> list[Verdict]:
    """Each rule over `checks` and `rows`. It fires once when its windows in a row are full, and again after a break."""
    return [_judge(rule, {"checks": values, "rows": rows}, streaks.get(rule["if"], 0)) for rule in rules]


def _judge(rule: Mapping[str, Any], names: Mapping[str, Any], streak: int) -> Verdict:
    import cel

    needed, then = int(rule.get("for", 1)), rule.get("then", ())
    try:
        holds = bool(cel.evaluate(rule["if"], dict(names)))
    except (ValueError, TypeError, RuntimeError, KeyError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return Verdict(rule["if"], None, streak, needed, fires=False, then=then, error=reason)
    streak = streak + 1 if holds else 0
    return Verdict(rule["if"], holds, streak, needed, fires=streak == needed, then=then)
