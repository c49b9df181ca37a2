"""The part of an object that one entry of its managedFields speaks of."""

import json
from collections.abc import Mapping
from typing import Any

Tree = Mapping[str, Any]


def held_part(value: Any, tree: Tree) -> Any:
    """See `fields` for what a tree is. What it ends at is taken whole."""
    steps = {step: below for step, below in tree.items() if step != "."}
    if not steps:
        return value
    if isinstance(value, dict):
        return {step[2:]: held_part(value[step[2:]], below) for step, below in steps.items() if step[2:] in value}
    if isinstance(value, list):
        return [held_part(item, below) for item in value for step, below in steps.items() if _is(step, item)]
    return value


def _is(step: str, item: Any) -> bool:
    named = json.loads(step[2:])
    if step.startswith("v:"):
        return bool(item == named)
    return isinstance(item, dict) and all(item.get(key) == value for key, value in named.items())
