"""What people write for durations, shares, quantities, commands and schedules, and the plain values that they are.

Imported where no pydantic is: a spec that is right is typed without it.
"""

import math
import re
from typing import Any

SECTIONS = (
    "steps", "sources", "expectations", "features", "training", "tuning", "registry", "serving", "monitoring",
)  # fmt: skip
STORE_PATH, STATE_URI, TRACKING_URI = (
    ".modelyard/store", "sqlite:///.modelyard/state.db", "sqlite:///.modelyard/mlflow.db",
)  # fmt: skip
"""Where things are kept that a spec says nothing of: beside it."""
RUNNING_KEYS = ("resources", "retries", "timeout", "runtime")
"""Keys that say how a node runs, not what it makes: no part of its `config`."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_QUOTING = re.compile(r"""['"\\]""")
_WORD_TYPES = frozenset((str, int, float, bool))
_WORDS = re.compile(r"[^ \t\r\n]+")
_SCALE = {
    "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
}  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def parse_duration(value: Any) -> float:
    """Seconds of `90s`, `15m`, `1h30m`; a bare number is seconds."""
    if _is_number(value):
        return float(value)
    text = value.strip() if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise _refusal("duration", "not a duration; write it as 90s, 15m, 6h, 7d or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def parse_share(value: Any) -> float:
    """The fraction of `70%`; a bare number is the fraction itself."""
    if _is_number(value) and value <= 1:
        return float(value)
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match or float(match[1]) > 100:
        raise _refusal("share", "not a share; write it as 70% (or 0.7)")
    return float(match[1]) / 100


def _quantity(value: Any, examples: str) -> float:
    if _is_number(value):
        return float(value)
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise _refusal("quantity", "not a quantity; write it as {examples}", {"examples": examples})
    return float(match[1]) * _SCALE.get(match[2], 1)


def parse_cpu(value: Any) -> float:
    return _quantity(value, "2, 0.5 or 500m")


def parse_memory(value: Any) -> int:
    return round(_quantity(value, "512Mi or 4Gi"))


def parse_argv(value: Any) -> Any:
    """The argv of a list, or of a string split as a POSIX shell splits it. Nothing has been filled in yet."""
    if isinstance(value, str):
        words = _split(value)
    elif isinstance(value, (list, tuple)) and _WORD_TYPES.issuperset(map(type, value)):
        words = [word if type(word) is str else _word(word) for word in value]
    else:
        raise _refusal("argv", "must be a command: a string, or a list of words")
    if not words or not words[0]:
        raise _refusal("argv", "is empty; name a program")
    return words


def _split(text: str) -> list[str]:
    if not _QUOTING.search(text):
        return _WORDS.findall(text)  # shlex goes character by character: 20 times slower
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise _refusal("argv", "cannot be split into words: {why}", {"why": str(error).lower()}) from error


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parse_text(value: Any) -> Any:
    """Environment variables are text: a number or a boolean becomes what YAML shows."""
    return _word(value) if isinstance(value, (int, float)) else value


def parse_cron(value: Any) -> Any:
    if isinstance(value, str) and (value.startswith("@") or len(value.split()) == 5):
        return value
    raise _refusal("cron", "not a cron schedule; five fields, as in `0 3 * * 1`")


def _refusal(kind: str, message: str, context: dict[str, Any] | None = None) -> ValueError:
    from pydantic_core import PydanticCustomError

    return PydanticCustomError(kind, message, context)
