"""Plain data to YAML text that every YAML reader, 1.1 or 1.2, reads back as the same data."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.spec.scalars import means_other

_WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z0-9_./\\$(~^+<=;-][^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]*")
_INDICATOR_PAIR = re.compile(r": |:$| #|\t")
_NOT_IN_FLOW = re.compile(r"[][{},?]|[:-]$|^[-:]")
_RAW = re.compile("[\x7f-\x9f\ufeff\ufffe\uffff\u2028\u2029]")


def dump(value: Mapping[str, Any]) -> str:
    """A whole file: maps as blocks; small lists and maps of plain values in one line."""
    return "".join(f"{line}\n" for line in block_lines(value))


def block_lines(value: Any) -> list[str]:
    """The lines of a map or a list in block style, not indented."""
    if isinstance(value, Mapping) and value:
        lines: list[str] = []
        for key, item in value.items():
            lines += _entry(f"{scalar(str(key))}:", item)
        return lines
    if isinstance(value, list | tuple) and value:
        lines = []
        for item in value:
            nested = block_lines(item) if _is_block(item, 2) else [flow(item)]
            lines += [f"- {nested[0]}", *(f"  {line}" for line in nested[1:])]
        return lines
    return [flow(value)]


def _entry(head: str, item: Any) -> list[str]:
    if _is_block(item, len(head) + 1):
        return [head, *(f"  {line}" for line in block_lines(item))]
    return [f"{head} {scalar(item) if isinstance(item, str) else flow(item)}"]


def _is_block(item: Any, offset: int) -> bool:
    if not isinstance(item, Mapping | Sequence) or isinstance(item, str) or not item:
        return False
    if isinstance(item, Mapping) and any(isinstance(part, Mapping | list | tuple) and part for part in item.values()):
        return True
    return offset + len(flow(item)) > _WIDTH


def flow(value: Any) -> str:
    """The value in one line: `{a: 1, b: [x, y]}`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key), in_flow=True)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value, in_flow=True)


def scalar(value: Any, *, in_flow: bool = False) -> str:
    """One value. Text stays plain where it can. Raises TypeError for what is no plain data."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no plain data")
    return value if _may_be_plain(value, in_flow) else quoted(value)


def _float(value: float) -> str:
    text = json.dumps(value, allow_nan=False)
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{mark}{exponent}"


def _may_be_plain(text: str, in_flow: bool) -> bool:
    if not _PLAIN.fullmatch(text) or text != text.strip() or means_other(text) or _INDICATOR_PAIR.search(text):
        return False
    if text in ("-", "---", "...") or text.startswith(("- ", "--- ", "... ")):
        return False
    return not in_flow or not _NOT_IN_FLOW.search(text)


def quoted(text: str) -> str:
    """The text in double quotes."""
    encoded = json.dumps(text, ensure_ascii=False)
    return _RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded)
