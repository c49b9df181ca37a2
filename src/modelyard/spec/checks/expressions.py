"""Conditions: do they parse, and do they use only the names that their place has."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from modelyard.nearest import did_you_mean
from modelyard.spec.checks.findings import At, Findings

if TYPE_CHECKING:
    from modelyard.spec.cel import Name

Known = Mapping[str, Iterable[str] | None]
"""Names of a place; under each the names that can be selected of it, None where any can."""


@lru_cache(maxsize=1024)
def _parsed(text: str) -> "tuple[Name, ...]":
    from modelyard.spec.cel import names_in

    return tuple(names_in(text))


def check_condition(
    findings: Findings, at: At, text: str, known: Known, describe: "Callable[[Name], tuple[str, str]] | None" = None
) -> None:
    """`describe` words an unknown selection: what it is not, and how the allowed ones are introduced."""
    from modelyard.spec.cel import CelSyntaxError

    try:
        names = _parsed(text)
    except CelSyntaxError as error:
        length = 1 if error.offset < len(text) else 0
        start = min(error.offset, max(len(text) - 1, 0))
        findings.add_within(
            at, text, (start, max(length, 1)), f"not a CEL condition: {error.what}", fix="", code="condition"
        )
        return
    for name in names:
        root = name.path[0]
        if root not in known:
            what = f"`{root}` is not known here"
            findings.add_within(
                at,
                text,
                (name.offsets[0], len(root)),
                what,
                fix=did_you_mean(root, known, "Names here"),
                code="condition",
            )
            continue
        allowed = known[root]
        if allowed is None or len(name.path) < 2 or name.path[1] in (allowed := list(allowed)):
            continue
        word = name.path[1]
        what, kind = describe(name) if describe else (f"`{root}` has no `{word}`", "It has")
        hint = did_you_mean(word, allowed, kind)
        findings.add_within(at, text, (name.offsets[1], len(word)), what, fix=hint, code="condition")
