"""From a graph and what was applied to a plan. No I/O but what it is handed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from modelyard.graph.model import Graph
from modelyard.plan.definition import Action, Change, Plan, Reason
from modelyard.plan.estimate import Prices, estimate, totals
from modelyard.plan.records import Applied, History, LineChanges, Live, Results, no_history, no_results
from modelyard.plan.scope import Scope, scope_of
from modelyard.plan.walk import Walk

SUMMARIZED = 40
"""Up to so many unchanged nodes are shown a line each, and only then is it worth to look up what they made."""


def make_plan(
    graph: Graph,
    applied: Mapping[str, Applied],
    results: Results = no_results,
    live: Live | None = None,
    history: History = no_history,
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    failed: Mapping[str, str] | None = None,
    unfinished: Collection[str] = (),
    has: Callable[[str], bool] | None = None,
    line_changes: LineChanges | None = None,
    moved: Mapping[str, tuple[Reason, ...]] | None = None,
    prices: Prices | None = None,
    serial: int | None = None,
    lineage: str | None = None,
    applied_at: str | None = None,
    applied_by: str | None = None,
    warnings: Sequence[str] = (),
) -> Plan:
    """Plan what brings `applied` to `graph`.

    `live` None means that what runs was not looked at (no drift is planned). `failed` is the reason of the last
    attempt by address, where that failed; `unfinished` are run ids that were begun and never recorded; `has` tells
    whether an output is still in the store; `moved` is what a task set outside of its outputs and is no longer so, by
    address. Raises ModelyardError for a selection that matches nothing.
    """
    scope = scope_of(graph, applied, select, exclude)
    lost: set[str] = set()
    while True:
        walk = Walk(
            graph=graph, applied=applied, results=results, live=live.services if live is not None else None,
            scope=scope, failed=failed or {}, unfinished=unfinished, lost=lost, has=has, line_changes=line_changes,
            moved=moved or {},
        )  # fmt: skip
        changes = walk.run()
        missing = walk.missing_inputs(changes) if has else set()
        if missing <= lost:
            break
        lost |= missing
    pending = [change for change in changes if change.action is not Action.NOOP]
    rested = _with_estimates(graph, pending, history, prices)
    changes = [rested.get(change.address, change) for change in changes]
    if len(changes) - len(pending) <= SUMMARIZED:
        changes = [_with_summary(change, applied) for change in changes]
    return Plan(
        project=graph.project,
        changes=(*changes, *_deletions(applied, graph, scope)),
        environment=graph.environment,
        target=next(iter(graph.target), "local"),
        totals=totals(graph, rested.values()),
        serial=serial,
        lineage=lineage,
        applied_at=applied_at,
        applied_by=applied_by,
        warnings=(*warnings, *scope.warnings),
        skipped=tuple((graph.settings.get("skipped") or {}).items()),
        selected=scope.partial,
    )


def _with_estimates(
    graph: Graph, pending: Sequence[Change], history: History, prices: Prices | None
) -> dict[str, Change]:
    return {
        change.address: replace(change, estimate=estimate(change, graph.nodes[change.address], history, prices))
        for change in pending
    }


def _with_summary(change: Change, applied: Mapping[str, Applied]) -> Change:
    if change.action is not Action.NOOP or change.role != "task":
        return change
    return replace(change, summary=applied[change.address].summary)


def _deletions(applied: Mapping[str, Applied], graph: Graph, scope: Scope) -> list[Change]:
    """Services first: they stop before what they read is forgotten."""
    gone = [record for address, record in applied.items() if address not in graph.nodes and scope.deletes(address)]
    gone.sort(key=lambda record: (record.role == "task", record.address))
    skipped = graph.settings.get("skipped") or {}
    return [_deletion(record, skipped.get(record.address)) for record in gone]


def _deletion(record: Applied, skipped: str | None) -> Change:
    note = f"is skipped now: {skipped}" if skipped else "is no longer in the spec"
    reason = Reason("removed", record.address, note=note)
    detail = "stopped and taken away" if record.role == "service" else "forgotten; its results stay stored"
    return Change(record.address, record.kind, record.role, Action.DELETE, (reason,), detail=detail)
