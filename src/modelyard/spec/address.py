"""Addresses: the YAML path of a thing as one string, `registry.digits.gate[0]`."""

import re

from modelyard.spec.tree import Path

_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[]+)")


def format_address(path: Path) -> str:
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            parts.append(f".{step}" if parts else step)
    return "".join(parts)


def parse_address(address: str) -> Path:
    """The path that an address names. What follows `:` (a part) or `@` (a version) names no place in the file."""
    head = re.split(r"[:@]", address, maxsplit=1)[0]
    return tuple(int(index) if index else key for index, key in _STEP.findall(head))
