"""Plain data as YAML, as a person would write it: quotes only where a reader of 1.1 or 1.2 needs them.

PyYAML's own writer leaves `123e4567` bare, a text to itself and a number to Go's readers.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from modelyard.spec.emit import quoted

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_HALF = re.compile("[\ud800-\udfff]")


def flow(value: Any) -> str:
    """In one line, `{name: http, port: 80}`, in the order in which it comes."""
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    return json.dumps(value)


def block(value: Any, indent: str = "") -> str:
    """In lines, each with its end: tables and lists opened, down to their values."""
    if isinstance(value, Mapping) and value:
        return "".join(f"{indent}{flow(key)}:{_below(part, indent)}" for key, part in value.items())
    if isinstance(value, (list, tuple)) and value:
        return "".join(f"{indent}- {block(part, indent + '  ').lstrip()}" for part in value)
    return f"{indent}{flow(value)}\n"


def _below(value: Any, indent: str) -> str:
    opened = isinstance(value, (Mapping, list, tuple)) and value
    return f"\n{block(value, indent + '  ')}" if opened else f" {flow(value)}\n"


def _quoted(text: str) -> str:
    """As a spec is quoted; half of a pair of surrogates, which no file holds, is escaped for the reader to refuse."""
    return _HALF.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted(text))
