"""What an apply would change of a cluster's objects, whole: each field on lines of its own, nothing cut."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from modelyard.plan.definition import Action
from modelyard.plan.objects import ObjectChange
from modelyard.plan.style import MEANINGS, SIGNS, Span, paint


def render_differences(changes: Sequence[ObjectChange], *, color: bool = False) -> str:
    """As a person reads it; empty where an apply would change nothing."""
    return "".join(paint(spans, color) + "\n" for change in changes for spans in _object(change))


def _object(change: ObjectChange) -> Iterator[list[Span]]:
    action = Action(change.action)
    address = f"  {change.address}" if change.address else ""
    yield [Span(f"{SIGNS[action]} {change.title}", MEANINGS[action]), Span(address, "dim")]
    for field in change.fields:
        yield [Span(f"    {field.field}"), Span(field.author, "dim")]
        yield from ([Span(f"    - {line}", "gone")] for line in _lines(field.before))
        yield from ([Span(f"    + {line}", "new")] for line in _lines(field.after))


def _lines(value: Any) -> list[str]:
    """None is a field that is not there: no line."""
    return json.dumps(value, indent=2, ensure_ascii=False).splitlines() if value is not None else []
