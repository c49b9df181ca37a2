"""A plan for a terminal, as in FACE.md «A plan». Plain where it is not one."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from modelyard.plan.builder import SUMMARIZED
from modelyard.plan.definition import Action, Change, Plan, Reason
from modelyard.plan.policies import Verdict
from modelyard.plan.quantities import duration
from modelyard.plan.style import MEANINGS, SIGNS, Meaning, Span, paint
from modelyard.plan.summary import heading, summary_line

CONDITIONAL = "reruns only if its input's digest changes"
_SHOWN = 300
"""Up to so many changes are told one by one; a plan that long is read as JSON."""


def render_text(
    plan: Plan, *, verdicts: Sequence[Verdict] = (), color: bool = False, width: int | None = None,
    now: datetime | None = None, every: bool = False,
) -> str:  # fmt: skip
    """The plan as lines. `width` None cuts nothing; `every` folds nothing."""
    lines = [Span(heading(plan, now), "strong")], *_body(plan, every), *_after(plan, verdicts)
    return "\n".join(paint(line, color, width) for line in lines) + "\n"


def _body(plan: Plan, every: bool) -> Iterator[list[Span]]:
    unchanged = sum(change.action is Action.NOOP for change in plan.changes)
    fold = unchanged > SUMMARIZED and not every
    shown = [change for change in plan.changes if not (fold and change.action is Action.NOOP)]
    cut = len(shown) if every else _SHOWN
    column = min(max((len(change.address) for change in shown[:cut]), default=0), 44)
    if shown:
        yield []
    for change in shown[:cut]:
        yield _line(change, column)
        yield from _reason_lines(change, column)
    if len(shown) > cut:
        yield [Span(f"  … and {len(shown) - cut:,} more; `--format json` has them all", "dim")]
    if fold and shown:
        yield [Span(f"  {SIGNS[Action.NOOP]} {unchanged:,} unchanged", "dim")]
    yield []


def _line(change: Change, column: int) -> list[Span]:
    meaning = MEANINGS[change.action]
    if change.action is Action.NOOP:
        return [Span(f"  {SIGNS[change.action]} {change.address:<{column}}  {change.summary}", "dim")]
    head = [Span(f"  {SIGNS[change.action]} ", meaning), Span(f"{change.address:<{column}}", meaning)]
    return [*head, Span(f"  {words(change)}"), Span(_estimate(change), "dim"), Span(_waits(change), "dim")]


def words(change: Change) -> str:
    """What happens, in the words of the plan's line."""
    if change.detail:
        return change.detail
    if change.action is Action.RESTORE:
        return next((reason.note for reason in change.reasons if reason.kind == "restore"), "restore")
    return str(change.action) if change.certain else CONDITIONAL


def _estimate(change: Change) -> str:
    return f"    ≈ {duration(change.estimate.seconds)}" if change.estimate else ""


def _waits(change: Change) -> str:
    nodes = [reason.what for reason in change.reasons if reason.kind == "after"]
    if not nodes:
        return ""
    more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    return f"    after {', '.join(nodes[:3])}{more}"


def _reason_lines(change: Change, column: int) -> Iterator[list[Span]]:
    reasons = [reason for reason in change.reasons if _on_own_line(change, reason)]
    names = max((len(_name(change, reason)) for reason in reasons), default=0)
    names = min(max(names, column - 2), 52)
    texts = min(max((len(reason.text) for reason in reasons if reason.place), default=0), 60)
    texts = max(texts, 44)
    for reason in reasons:
        place = f"  {reason.place}" if reason.place else ""
        yield [
            Span(f"      {_name(change, reason):<{names}}  "),
            Span(f"{reason.text:<{texts}}"),
            Span(place, "dim"),
        ]


def _on_own_line(change: Change, reason: Reason) -> bool:
    if reason.kind in {"after", "restore", "removed"}:
        return False
    return not (reason.kind == "new" and change.action is Action.CREATE)


def _name(change: Change, reason: Reason) -> str:
    """The node itself is named on the line above already."""
    return {"drift": "drift", "failed": "", "lost": ""}.get(reason.kind, reason.what)


def _after(plan: Plan, verdicts: Sequence[Verdict]) -> Iterator[list[Span]]:
    for verdict in verdicts:
        meaning: Meaning = "gone" if verdict.effect == "deny" else "changed"
        place = f"  {verdict.place}" if verdict.place else ""
        yield [Span(f"{verdict.effect}: {verdict.message}  (policies.{verdict.name}){place}", meaning)]
    for warning in plan.warnings:
        yield [Span(f"warning: {warning}", "changed")]
    yield [Span(summary_line(plan), "strong")]
    first = next((change for change in plan.pending if change.reasons), None)
    if first and not plan.against:
        yield [Span(f"Run `modelyard apply` to do it, `modelyard explain {first.address}` for the whole story.", "dim")]
