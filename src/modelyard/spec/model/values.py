"""Field types that mean something: durations, shares, quantities, addresses, argv, conditions, cron.

Each takes what people write, gives one plain Python value, and takes that value again, so that a dumped spec loads.
"""

from typing import Annotated, Any

from pydantic import Field

from modelyard.spec.model.base import Matching, Parsed
from modelyard.spec.values import (
    SECTIONS,
    parse_argv,
    parse_cpu,
    parse_cron,
    parse_duration,
    parse_memory,
    parse_share,
    parse_text,
)


def _text_or(pattern: str, most: float | None = None) -> dict[str, Any]:
    number = {"type": "number", "minimum": 0, **({"maximum": most} if most else {})}
    return {"anyOf": [{"type": "string", "pattern": pattern}, number]}


_QUANTITY_SCHEMA = _text_or(r"^\d+(\.\d+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$")
_WORD_SCHEMA = {"type": ["string", "number", "boolean"]}
_ARGV_SCHEMA = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": _WORD_SCHEMA, "minItems": 1}]}
SHARE_SCHEMA = _text_or(r"^\s*\d+(\.\d+)?\s*%\s*$", most=1)

Duration = Annotated[float, Parsed(parse_duration, _text_or(r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*)+$"))]
"""Seconds; written `90s`, `15m`, `6h`, `7d`."""
Share = Annotated[float, Parsed(parse_share, SHARE_SCHEMA)]
"""A fraction from 0 to 1; written `70%`."""
Cpu = Annotated[float, Parsed(parse_cpu, _QUANTITY_SCHEMA)]
"""Cores; written as Kubernetes writes them: `2`, `500m`."""
Memory = Annotated[int, Parsed(parse_memory, _QUANTITY_SCHEMA)]
"""Bytes; written as Kubernetes writes them: `512Mi`, `4Gi`."""
Argv = Annotated[tuple[str, ...], Parsed(parse_argv, _ARGV_SCHEMA)]
"""A command's words; written as a list, or as a string that is split once. No shell sees it."""
Text = Annotated[str, Parsed(parse_text, _WORD_SCHEMA)]
"""Text for an environment variable."""
Cel = Annotated[str, Field(min_length=1)]
"""A CEL expression; its names are checked by `modelyard.spec.checks`."""
Cron = Annotated[str, Parsed(parse_cron, {"type": "string"})]
"""When: five fields."""

ADDRESS_PATTERN = (
    r"^(" + "|".join(SECTIONS) + r")\.[a-z0-9][a-z0-9_-]*(:[A-Za-z0-9_][A-Za-z0-9_-]*)?(@[A-Za-z0-9_.-]+)?$"
)
_LIKE_ADDRESS = r"^[a-z]+\.[A-Za-z0-9_-]+(?:[:@]\S*)?$"
_ADDRESS_RULE = "not an address; write section.name, as in `sources.flights:test` or `registry.late@7`"

Address = Annotated[str, Matching(_LIKE_ADDRESS, "address", _ADDRESS_RULE, ADDRESS_PATTERN)]
"""How one thing names another: `section.name`, then `:part`, then `@version`."""
Call = Annotated[
    str, Matching(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$", "call", "not a function; write module:function")
]
"""A Python function of the project: `module:function`."""
