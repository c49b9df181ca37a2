"""Takes away what apply made, and only that: services stop, records go. Results, runs and model versions are kept."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelyard.apply.events import LockWaiting, NodeEvent, NodeFinished, OnApplyEvent
from modelyard.apply.report import ApplyReport, NodeReport
from modelyard.apply.whereabouts import target_of
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.plan.definition import Action, Change, Plan, Reason
from modelyard.state import AppliedRecord, State
from modelyard.targets.base import Target


def plan_destroy(graph: Graph, applied: Mapping[str, AppliedRecord]) -> Plan:
    """What destroy would do: services first, and of those the ones that others read last."""
    reason = Reason("removed", "destroy", note="is taken away")
    changes = [
        Change(record.address, record.kind, record.role, Action.DELETE, (reason,), detail="delete")
        for record in _in_order(applied)
    ]
    return Plan(graph.project, tuple(changes), graph.environment, next(iter(graph.target), "local"))


def destroy(
    graph: Graph, target: Target, state: State, *, root: Path, on_event: OnApplyEvent | None = None,
    cancel: threading.Event | None = None, lock_wait: float = 0.0, volumes: bool = False,
) -> ApplyReport:  # fmt: skip
    """Do it, under the state's lock. A service that does not stop keeps its record, and is in the report as failed.

    `volumes`: the data that services keep goes too.
    """
    tell: OnApplyEvent = on_event or (lambda event: None)
    begun = time.monotonic()
    reports: list[NodeReport] = []
    with state.lock("destroy", lock_wait, graph.environment, lambda holder: tell(LockWaiting(str(holder))), cancel):
        applied = state.applied(graph.environment)
        plan = plan_destroy(graph, applied)
        for change in plan.changes:
            if cancel is not None and cancel.is_set():
                reports.append(NodeReport(change.address, change.kind, change.role, change.action, "cancelled"))
                continue
            where = target_of(applied[change.address], graph, root, target)
            reports.append(_remove(change, where, state, graph.environment, tell))
            tell(NodeFinished(reports[-1]))
        target.sweep(volumes=volumes)
        state.journal("destroyed", {"counts": {"removed": sum(report.ok for report in reports)}}, graph.environment)
    cancelled = any(report.outcome == "cancelled" for report in reports)
    return ApplyReport(
        graph.project, graph.environment, tuple(reports), seconds=time.monotonic() - begun, cancelled=cancelled
    )


def _remove(change: Change, target: Target, state: State, environment: str | None, tell: OnApplyEvent) -> NodeReport:
    try:
        if change.role == "service":
            target.remove(change.address, _relay(change.address, tell))
        state.remove_applied(environment, change.address)
    except ModelyardError as error:
        return NodeReport(
            change.address, change.kind, change.role, change.action, "failed", reason=error.what, fix=error.fix or "",
            tail=error.details, status=error.code,
        )  # fmt: skip
    return NodeReport(change.address, change.kind, change.role, change.action, "done")


def _relay(address: str, tell: OnApplyEvent) -> Callable[[Mapping[str, Any]], None]:
    return lambda event: tell(NodeEvent(address, event))


def _in_order(applied: Mapping[str, AppliedRecord]) -> list[AppliedRecord]:
    """Readers before what they read; services before tasks."""
    depth: dict[str, int] = {}

    def deep(address: str) -> int:
        if address not in depth:
            depth[address] = 0  # a record cannot need itself; a damaged one must not loop
            record = applied[address]
            needs = {ref["node"] for ref in record.node_json["inputs"].values()} | set(record.node_json["after"])
            depth[address] = 1 + max((deep(need) for need in needs if need in applied), default=0)
        return depth[address]

    return sorted(applied.values(), key=lambda record: (record.role == "task", -deep(record.address), record.address))
