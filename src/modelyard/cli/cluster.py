"""`apply` and its like where the target is a cluster: the work is handed over, and followed from here."""

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from modelyard.cli.options import how_arguments
from modelyard.cli.session import Session, has_color

if TYPE_CHECKING:
    import threading

    from modelyard.apply.following import RunPlace
    from modelyard.apply.handover import Handover
    from modelyard.cli.progress import Progress
    from modelyard.plan.definition import Plan
    from modelyard.state import RunRecord


def handover_of(session: Session) -> "Handover":
    from modelyard.apply.handover import Handover

    return Handover(session.graph, session.loaded.root)


def hand_over(session: Session, plan: "Plan", how: Mapping[str, Any], detach: bool) -> int:
    """Images, objects, and a run; follows that to its end unless `detach`. The exit code."""
    from modelyard.cli.interrupt import cancel_on_interrupt
    from modelyard.cli.progress import Progress

    common = session.common
    handover = handover_of(session)
    if not how["lock_wait"]:
        handover.refuse_second()
    stop = cancel_on_interrupt(common, said="")
    with Progress(common, color=has_color(common, sys.stderr)) as progress:
        _prepare(handover, progress, stop)
        if plan.idle:
            common.say("The cluster's objects are as the spec says; no task has anything to do.")
            return 0
        place = handover.start([*_selection(session, plan), *how_arguments(how)])
        if detach:
            common.say(f"The run {place.run_id} goes on in the cluster. {_how_to(place)}")
            return 0
        common.say(f"Run {place.run_id} in {handover.api}; Ctrl-C leaves it running.")
        return _follow(session, place, progress, stop)


def _selection(session: Session, plan: "Plan") -> list[str]:
    """What was chosen of the graph, where that is not all of it."""
    chosen = plan.by_address
    return [f"--select={address}" for address in chosen] if set(session.graph.nodes) - set(chosen) else []


def _prepare(handover: "Handover", progress: "Progress", stop: "threading.Event") -> None:
    from modelyard.apply.events import NodeEvent, NodeFinished, NodeStarted
    from modelyard.apply.report import NodeReport
    from modelyard.plan.definition import Action

    def step(name: str, kind: str, done: str) -> None:
        progress(NodeFinished(NodeReport(name, kind, "service", Action.UPDATE, "unchanged", summary=done)))

    progress(NodeStarted("images", "image"))
    step("images", "image", handover.images(lambda event: progress(NodeEvent("images", event)), stop))
    progress(NodeStarted("cluster", "objects"))
    applied = handover.apply(lambda event: progress(NodeEvent("cluster", event)))
    changed = sum(one.action != "unchanged" for one in applied)
    step("cluster", "objects", f"{changed} of {len(applied)} objects changed")


def _follow(session: Session, place: "RunPlace", progress: "Progress", stop: "threading.Event") -> int:
    from modelyard.apply.following import follow_run
    from modelyard.cli.outcome import INTERRUPTED, exit_code, print_report

    report = follow_run(place, progress, stop)
    if report is None:
        session.common.say(f"\nThe run {place.run_id} goes on in the cluster. {_how_to(place)}")
        return INTERRUPTED
    print_report(report, session.common)
    return exit_code(report)


def log_of_run(session: Session, number: int, follow: bool) -> Iterator[str]:
    """What the latest run says."""
    from modelyard.apply.following import latest_run, run_lines
    from modelyard.errors import ModelyardError

    handover = handover_of(session)
    place = latest_run(handover.api, handover.scope)
    if place is None:
        raise ModelyardError(f"no run is kept in {handover.api}", fix="`modelyard apply` starts one", code="no-log")
    return run_lines(place, number, follow)


def log_of_task(session: Session, run: "RunRecord", number: int, follow: bool) -> Iterator[str]:
    from modelyard.apply.task_logs import task_lines

    handover = handover_of(session)
    return task_lines(handover.api, handover.scope, session.store, run, number, follow)


def _how_to(place: "RunPlace") -> str:
    context = _context(place)
    return (
        f"`modelyard logs apply -F` follows it, `modelyard status` shows how far it is, "
        f"`kubectl delete job {place.job} -n {place.scope.namespace}{context}` ends it."
    )


def _context(place: "RunPlace") -> str:
    name = place.api.cluster
    return f" --context {name.removeprefix('context ')}" if name.startswith("context ") else ""
