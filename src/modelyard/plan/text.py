"""A plan for a terminal, as in FACE.md «A plan». Plain where it is not one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelyard.plan.builder import SUMMARIZED
from modelyard.plan.definition import Action, Change, Plan, Reason
from modelyard.plan.objects import by_kind
from modelyard.plan.policies import Verdict
from modelyard.plan.quantities import duration
from modelyard.plan.style import MEANINGS, SIGNS, Meaning, Span, paint
from modelyard.plan.summary import heading, summary_line

CONDITIONAL = "reruns only if its input's digest changes"
_PLACE = 46
"""A reason's text and the place behind it stand this far apart, where there is room."""
_MADE = 3
_SHOWN = 300
"""Up to so many changes are told one by one; a plan that long is read as JSON."""


def render_text(
    plan: Plan, *, verdicts: Sequence[Verdict] = (), color: bool = False, width: int | None = None,
    now: datetime | None = None, every: bool = False,
) -> str:  # fmt: skip
    """The plan as lines. `width` None cuts nothing; `every` folds nothing."""
    body = [*_body(plan, every, width), *_objects(plan, every), *_after(plan, verdicts)]
    lines = [[Span(heading(plan, now), "strong")], *body]
    return "\n".join(paint(line, color, width) for line in lines) + "\n"


def _body(plan: Plan, every: bool, width: int | None) -> Iterator[list[Span]]:
    unchanged = sum(change.action is Action.NOOP for change in plan.changes)
    fold = unchanged > SUMMARIZED and not every
    shown = [change for change in plan.changes if not (fold and change.action is Action.NOOP)]
    told = shown if every else shown[:_SHOWN]
    columns = _Columns.of(told, width)
    if shown:
        yield []
    for change in told:
        yield from _lines(change, columns)
        yield from _reason_lines(change, columns)
    if len(shown) > len(told):
        yield [Span(f"  … and {len(shown) - len(told):,} more; `--format json` has them all", "dim")]
    if fold and shown:
        yield [Span(f"  {SIGNS[Action.NOOP]} {unchanged:,} unchanged", "dim")]
    yield []


@dataclass(frozen=True, slots=True)
class _Columns:
    """How wide the columns are: addresses, then what happens, then the estimate."""

    address: int
    words: int
    estimate: int
    width: int | None

    @classmethod
    def of(cls, changes: Sequence[Change], width: int | None) -> "_Columns":
        pending = [change for change in changes if change.pending]
        return cls(
            min(max((len(change.address) for change in changes), default=0), 44),
            min(max((len(words(change)) for change in pending), default=0), len(CONDITIONAL)),
            max((len(_estimate(change)) for change in pending), default=0),
            width,
        )


def _lines(change: Change, columns: _Columns) -> Iterator[list[Span]]:
    """The change's own line; what it waits for comes on a second one where the first has no room."""
    meaning = MEANINGS[change.action]
    head = f"  {SIGNS[change.action]} {change.address:<{columns.address}}"
    if change.action is Action.NOOP:
        yield [Span(f"{head}  {change.summary}", "dim")]
        return
    said = f"  {words(change):<{columns.words}}"
    estimate = f"  {_estimate(change):<{columns.estimate}}" if columns.estimate else ""
    waits = _waits(change)
    line = [Span(head, meaning), Span(said), Span(estimate, "dim")]
    if columns.width is None or len(head + said + estimate) + len(waits) + 2 <= columns.width:
        yield [*line, Span(f"  {waits}", "dim")]
    else:
        yield line
        yield [Span(f"      {waits}", "dim")]


def words(change: Change) -> str:
    """What happens, in the words of the plan's line."""
    if change.action is Action.RESTORE:
        return next((reason.note for reason in change.reasons if reason.kind == "restore"), "restore")
    if change.action is Action.REPLACE and not change.certain:
        return "replaced only if its input's digest changes"
    if change.detail:
        return change.detail
    return str(change.action) if change.certain else CONDITIONAL


def _estimate(change: Change) -> str:
    return f"≈ {duration(change.estimate.seconds)}" if change.estimate else ""


def _waits(change: Change) -> str:
    nodes = [reason.what for reason in change.reasons if reason.kind == "after"]
    if not nodes:
        return ""
    more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    return f"after {', '.join(nodes[:3])}{more}"


def _reason_lines(change: Change, columns: _Columns) -> Iterator[list[Span]]:
    reasons = [reason for reason in change.reasons if _on_own_line(change, reason)]
    names = max((len(_name(change, reason)) for reason in reasons), default=0)
    names = min(max(names, columns.address - 2), 52)
    for reason in reasons:
        place = f"  {reason.place}" if reason.place else ""
        name = f"      {_name(change, reason):<{names}}  " if _name(change, reason) else "      "
        room = 100 if columns.width is None else columns.width
        gap = max(room - len(name) - len(reason.text) - len(place), 0) if place else 0
        yield [Span(name), Span(reason.text + " " * min(gap, max(_PLACE - len(reason.text), 0))), Span(place, "dim")]


def _on_own_line(change: Change, reason: Reason) -> bool:
    if reason.kind in {"after", "restore", "removed"}:
        return False
    return not (reason.kind == "new" and change.action is Action.CREATE)


def _name(change: Change, reason: Reason) -> str:
    """The node itself is named on the line above already."""
    return {"drift": "drift", "failed": "", "lost": ""}.get(reason.kind, reason.what)


def _objects(plan: Plan, every: bool) -> Iterator[list[Span]]:
    """Of a cluster, field by field; many new ones are counted, as a first apply makes them all."""
    made = [change for change in plan.objects if change.action == "create"]
    fold = len(made) > _MADE and not every
    if fold:
        yield [Span(f"  {SIGNS[Action.CREATE]} {by_kind(made)}", MEANINGS[Action.CREATE])]
    for change in plan.objects:
        if not (fold and change.action == "create"):
            action = Action(change.action)
            yield [Span(f"  {SIGNS[action]} {change.title}", MEANINGS[action])]
        for field in change.fields:
            yield [Span(f"      {field}")]
    if plan.objects:
        yield []


def _after(plan: Plan, verdicts: Sequence[Verdict]) -> Iterator[list[Span]]:
    for verdict in verdicts:
        meaning: Meaning = "gone" if verdict.effect == "deny" else "changed"
        place = f"  {verdict.place}" if verdict.place else ""
        yield [Span(f"{verdict.effect}: {verdict.message}  (policies.{verdict.name}){place}", meaning)]
    if plan.skipped:
        names = ", ".join(f"{address} ({why})" for address, why in plan.skipped[:5])
        more = f" and {len(plan.skipped) - 5:,} more" if len(plan.skipped) > 5 else ""
        yield [Span(f"skipped: {names}{more}", "dim")]
    for warning in plan.warnings:
        yield [Span(f"warning: {warning}", "changed")]
    yield [Span(summary_line(plan), "strong")]
    if not plan.empty and not plan.against:
        yield [Span(f"Run `modelyard apply` to do it{_story(plan)}.", "dim")]


def _story(plan: Plan) -> str:
    asked = next((change for change in plan.pending if change.action is not Action.CREATE and change.certain), None)
    return f", `modelyard explain {asked.address}` for the whole story" if asked else ""
