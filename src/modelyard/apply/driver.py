"""Carries out a plan: under the state's lock, in topological order, each result written before another counts on it."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from modelyard.apply.budget import Budget, budget_of
from modelyard.apply.checks import check_fits, check_fresh
from modelyard.apply.context import Applying
from modelyard.apply.events import ApplyEvent, ApplyFinished, ApplyStarted, LockWaiting, NodeFinished, OnApplyEvent
from modelyard.apply.metrics import Champions
from modelyard.apply.report import ApplyReport, NodeReport, Outcome
from modelyard.apply.scheduler import Ending, Job, Scheduler, Stopped, urgencies
from modelyard.apply.services import ServiceRunner
from modelyard.apply.sharing import share_results
from modelyard.apply.tasks import TaskRunner
from modelyard.apply.unfinished import settle_recorded, unfinished_runs
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Resources
from modelyard.plan.definition import Action, Plan
from modelyard.state import LockHolder, State
from modelyard.store import Store
from modelyard.targets.base import Target

_NO_ROOM = Resources(cpu=0.0)


def apply_plan(
    plan: Plan,
    graph: Graph,
    target: Target,
    state: State,
    store: Store,
    *,
    root: Path,
    parallelism: int | None = None,
    keep_going: bool = False,
    on_event: OnApplyEvent | None = None,
    cancel: threading.Event | None = None,
    lock_wait: float = 0.0,
    git: Mapping[str, Any] | None = None,
) -> ApplyReport:
    """Do what `plan` says. Task and service failures are in the report; it returns once nothing of it runs any more.

    Setting `cancel` ends what runs and starts nothing more. Raises ModelyardError before anything is started: code
    `locked` (another apply holds the state), `cancelled` (while waiting for that), `stale-plan`, `budget`,
    `does-not-fit`, `store-remote`.
    """
    cancel = cancel or threading.Event()
    begun = time.monotonic()
    with state.lock("apply", lock_wait, graph.environment, _tell_waiting(on_event), cancel):
        check_fresh(plan, state)
        if not plan.idle:
            store.check_remote()
        share_results(plan, graph, state, store, on_event or _nobody, cancel)
        executor = target.executor()
        try:
            check_fits(plan, graph, executor.capacity())
            budget = budget_of(graph, state)
            budget.check(plan)
            applied = state.applied(graph.environment)
            settle_recorded(state, graph.environment, applied, store)
            applying = Applying(
                plan=plan, graph=graph, target=target, executor=executor, state=state, store=store, root=root,
                applied=applied, live=target.observe(graph), unfinished=unfinished_runs(state, graph.environment),
                cancel=cancel, apply_id=uuid4().hex[:12], git=git or {}, on_event=on_event,
            )  # fmt: skip
            return _carry_out(applying, budget, parallelism, keep_going, begun)
        finally:
            executor.close()


def _nobody(event: ApplyEvent) -> None:
    """Where nobody wants to be told."""


def _tell_waiting(on_event: OnApplyEvent | None) -> Callable[[LockHolder], None] | None:
    return (lambda holder: on_event(LockWaiting(str(holder)))) if on_event else None


def _carry_out(
    applying: Applying, budget: Budget, parallelism: int | None, keep_going: bool, begun: float
) -> ApplyReport:
    plan, environment = applying.plan, applying.environment
    pending = tuple(change.address for change in plan.pending)
    applying.emit(ApplyStarted(pending, tuple(change.address for change in plan.changes if not change.pending)))
    applying.state.journal("apply-started", {"apply": applying.apply_id, "counts": plan.counts()}, environment)
    _take_known(applying)
    tasks = TaskRunner(applying, budget, Champions(applying.graph, applying.store))
    services = ServiceRunner(applying)
    bound = parallelism or _bound_of(applying.graph)
    _report_stopped(applying, _schedule(applying, tasks, services, bound, keep_going))
    _delete(applying, services, keep_going)
    report = _report(applying, time.monotonic() - begun)
    with contextlib.suppress(ModelyardError):  # on a full disk what was done is still worth to be told
        payload = {"apply": applying.apply_id, "ok": report.ok, "counts": report.counts()}
        applying.state.journal("apply-finished", payload, environment)
    applying.emit(ApplyFinished(report))
    return report


def _bound_of(graph: Graph) -> int | None:
    """Tasks at once by the target's own settings, where nobody asks for another number."""
    bound: int | None = next((settings.get("parallelism") for settings in graph.target.values() if settings), None)
    return bound


def _take_known(applying: Applying) -> None:
    """What stays as it is lends its outputs; so does what the plan leaves out."""
    pending = {change.address for change in applying.plan.pending}
    for address, node in applying.graph.nodes.items():
        if address in pending:
            continue
        record = applying.applied.get(address)
        if record:
            applying.know(address, record.outputs)
        change = applying.plan.by_address.get(address)
        if change:
            report = NodeReport(address, node.kind, node.role, change.action, "unchanged", summary="cached")
            applying.reports[address] = report
            applying.emit(NodeFinished(report))


def _schedule(
    applying: Applying, tasks: TaskRunner, services: ServiceRunner, parallelism: int | None, keep_going: bool
) -> Stopped:
    nodes = applying.graph.nodes

    def quick(address: str) -> Ending | None:
        node, change = nodes[address], applying.change(address)
        runner = tasks if node.role == "task" else services
        return "ok" if runner.cut_off(node, change) else None

    def work(address: str) -> Ending:
        node, change = nodes[address], applying.change(address)
        return tasks.run(node, change) if node.role == "task" else services.run(node, change)

    scheduler = Scheduler(
        _jobs(applying), work, quick, applying.cancel, applying.executor.capacity(), parallelism, keep_going
    )
    return scheduler.run()


def _jobs(applying: Applying) -> dict[str, Job]:
    nodes = applying.graph.nodes
    changes = [change for change in applying.plan.pending if change.address in nodes]
    addresses = {change.address for change in changes}
    needs = {
        change.address: [before for before in nodes[change.address].upstream if before in addresses]
        for change in changes
    }
    seconds = {change.address: change.estimate.seconds for change in changes if change.estimate}
    urgent = urgencies(needs, seconds)
    return {
        address: Job(
            address,
            frozenset(before),
            nodes[address].resources if nodes[address].role == "task" else _NO_ROOM,
            urgent[address],
        )
        for address, before in needs.items()
    }


def _report_stopped(applying: Applying, stopped: Stopped) -> None:
    for address, cause in stopped.blocked.items():
        _skip(applying, address, "blocked", cause)
    for address in stopped.waiting:
        _skip(applying, address, "cancelled" if applying.cancel.is_set() else "not-started")


def _skip(applying: Applying, address: str, outcome: Outcome, cause: str = "") -> None:
    change = applying.change(address)
    report = NodeReport(address, change.kind, change.role, change.action, outcome, cause=cause)
    applying.reports[address] = report
    applying.emit(NodeFinished(report))


def _delete(applying: Applying, services: ServiceRunner, keep_going: bool) -> None:
    """Take away what is no longer in the graph: last, so that a failure before it takes nothing from anybody."""
    failed = any(not report.ok for report in applying.reports.values())
    for change in applying.plan.pending:
        if change.action is not Action.DELETE or change.address in applying.reports:
            continue
        if applying.cancel.is_set() or (failed and not keep_going):
            _skip(applying, change.address, "cancelled" if applying.cancel.is_set() else "not-started")
        else:
            services.delete_or_report(change)


def _report(applying: Applying, seconds: float) -> ApplyReport:
    nodes = tuple(
        applying.reports[change.address] for change in applying.plan.changes if change.address in applying.reports
    )
    return ApplyReport(
        project=applying.graph.project,
        environment=applying.environment,
        nodes=nodes,
        seconds=seconds,
        cancelled=applying.cancel.is_set() and any(not node.ok for node in nodes),
        warnings=applying.plan.warnings,
        tracking=_tracking(applying),
    )


def _tracking(applying: Applying) -> str:
    live = applying.live.services.get("tracking")
    shown = applying.reports.get("tracking")
    url = (shown.url if shown else "") or (live.url if live else "") or ""
    return url or str((applying.graph.settings.get("tracking") or {}).get("uri") or "")
