"""A plan with the real state, store and target behind it: reads them, changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.apply.code import line_changes
from modelyard.apply.stages import moved_stages
from modelyard.apply.unfinished import unfinished_runs
from modelyard.graph.model import Graph
from modelyard.plan.builder import make_plan
from modelyard.plan.definition import Change, Plan
from modelyard.plan.estimate import Prices
from modelyard.state import AppliedRecord, State
from modelyard.state.records import latest
from modelyard.task import TaskResult

if TYPE_CHECKING:
    from modelyard.store import Store
    from modelyard.targets.base import Live

_MANY = 1000


def plan_project(
    graph: Graph,
    state: State,
    store: "Store",
    live: "Live | None",
    root: Path,
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    prices: Prices | None = None,
    warnings: Sequence[str] = (),
) -> Plan:
    """Plan what brings the project to `graph`. `live` None: what runs was not looked at."""
    environment = graph.environment
    serial = state.serial(environment)
    applied = state.applied(environment)
    last = latest(applied.values())

    def results(fingerprint: str) -> TaskResult | None:
        return state.result(fingerprint) or store.get_result(fingerprint)

    def history(address: str, kind: str) -> Sequence[float]:
        return state.history(address=address, environment=environment) or state.history(
            kind=kind, environment=environment
        )

    plan = make_plan(
        graph,
        applied,
        results,
        live,
        history,
        select=select,
        exclude=exclude,
        failed=failed_attempts(state, environment, applied),
        unfinished=unfinished_runs(state, environment),
        has=store.has,
        line_changes=line_changes(root),
        moved=moved_stages(graph, applied, store, root) if live is not None else {},
        prices=prices,
        serial=serial,
        lineage=state.lineage(),
        applied_at=last.applied_at if last else None,
        applied_by=last.by.partition("@")[0] if last else None,
        warnings=warnings,
    )
    if live is None:
        return plan
    return replace(_noted(plan, live.notes) if live.notes else plan, objects=tuple(live.objects))


def _noted(plan: Plan, notes: Mapping[str, str]) -> Plan:
    """With what the target has to say of its services, at the end of their lines."""

    def noted(change: Change) -> Change:
        note = notes.get(change.address)
        if note is None:
            return change
        if not change.pending:
            return replace(change, summary=note)
        return replace(change, detail=f"{change.detail or change.action} · {note}")

    return replace(plan, changes=tuple(map(noted, plan.changes)))


def failed_attempts(state: State, environment: str | None, applied: dict[str, AppliedRecord]) -> dict[str, str]:
    """Why the last attempt failed, by address, where nothing went well since."""
    found: dict[str, tuple[str, str]] = {}
    for status in ("failed", "timeout", "out-of-memory"):
        for run in state.runs(environment, status=status, limit=_MANY):
            record = applied.get(run.address)
            if record and record.applied_at >= run.finished_at:
                continue
            if run.address not in found or found[run.address][0] < run.finished_at:
                found[run.address] = (run.finished_at, run.error or status)
    return {address: why for address, (_, why) in found.items()}
