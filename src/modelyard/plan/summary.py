"""A plan in a sentence or two: the line under every view."""

from datetime import datetime

from modelyard.plan.definition import Plan, Totals
from modelyard.plan.quantities import age, amount, duration
from modelyard.wording import counted

_ORDER = ("create", "rerun", "restore", "update", "replace", "delete", "follow")


def heading(plan: Plan, now: datetime | None = None) -> str:
    """`digits · environment dev · target local · last applied 2 h ago by ana`."""
    parts = [plan.project]
    if plan.environment:
        parts.append(f"environment {plan.environment}")
    parts.append(f"target {plan.target}")
    if plan.against:
        parts.append(f"against {plan.against}")
    elif plan.applied_at:
        parts.append(
            f"last applied {age(plan.applied_at, now)}" + (f" by {plan.applied_by}" if plan.applied_by else "")
        )
    else:
        parts.append("never applied")
    if plan.selected:
        parts.append("a selection")
    return " · ".join(parts)


def counts_line(plan: Plan) -> str:
    """`1 rerun, 2 follow, 4 unchanged`."""
    counts = plan.counts()
    parts = [f"{counts[word]:,} {word}" for word in _ORDER if word in counts]
    unchanged = counts.get("no-op", 0)
    if unchanged:
        parts.append(f"{unchanged:,} unchanged")
    if plan.objects:
        parts.append(counted(len(plan.objects), "object of the cluster", "objects of the cluster"))
    return ", ".join(parts) or "nothing in the spec"


def summary_line(plan: Plan) -> str:
    if plan.empty:
        return f"Nothing to do: {counts_line(plan)}."
    return f"Plan: {counts_line(plan)}{totals_text(plan.totals, 'this machine' if plan.target == 'local' else None)}"


def totals_text(totals: Totals, machine: str | None = None) -> str:
    """`· about 4 min 30 s on this machine (from 3 earlier runs), 0 GPU-hours`; empty without history."""
    if not totals.runs:
        return " · no earlier runs to estimate from" if totals.unknown else ""
    about = "at least" if totals.unknown else "about"
    where = f" on {machine}" if machine else ""
    runs = f"from {totals.runs} earlier run{'' if totals.runs == 1 else 's'}"
    if totals.unknown:
        runs += f", {totals.unknown} without any"
    cost = f", cost {amount(totals.cost)}" if totals.cost is not None else ""
    return f" · {about} {duration(totals.seconds)}{where} ({runs}), {amount(totals.gpu_hours)} GPU-hours{cost}"
