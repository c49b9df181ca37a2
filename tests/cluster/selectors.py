"""Label and field selectors, as lists and watches take them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cluster.refusals import Refusal

Object = Mapping[str, Any]
Match = Callable[[Object], bool]
_SET_BASED = re.compile(r"^(\S+)\s+(in|notin)\s+\(([^)]*)\)$")


def matching(label_selector: str, field_selector: str) -> Match:
    labels = [_label(text) for text in _parts(label_selector)]
    fields = [_field(text) for text in _parts(field_selector)]
    return lambda obj: (
        all(test(obj["metadata"].get("labels") or {}) for test in labels) and all(test(obj) for test in fields)
    )


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _label(text: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET_BASED.match(text):
        key, how, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        return lambda labels: (labels.get(key) in values) == (how == "in")
    if "!=" in text:
        key, _, value = text.partition("!=")
        return lambda labels: labels.get(key.strip()) != value.strip()
    if "=" in text:
        key, _, value = text.replace("==", "=").partition("=")
        return lambda labels: labels.get(key.strip()) == value.strip()
    if text.startswith("!"):
        return lambda labels: text[1:] not in labels
    return lambda labels: text in labels


def _field(text: str) -> Match:
    different = "!=" in text
    path, _, value = text.replace("!=", "=").replace("==", "=").partition("=")
    if not path:
        raise Refusal(400, f"invalid field selector {text!r}")
    return lambda obj: (_at(obj, path.split(".")) == value) != different


def _at(obj: Any, path: list[str]) -> str:
    for step in path:
        obj = (obj or {}).get(step) if isinstance(obj, Mapping) else None
    return "" if obj is None else str(obj).lower() if isinstance(obj, bool) else str(obj)
