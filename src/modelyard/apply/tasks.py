"""One task: cut it off, take an earlier result, or run it with its retries; and write down what came of it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from modelyard.apply.budget import Budget
from modelyard.apply.code import keep_code
from modelyard.apply.context import Applying
from modelyard.apply.events import NodeEvent, NodeFinished, NodeRetry, NodeStarted
from modelyard.apply.metrics import Champions, metric_changes
from modelyard.apply.report import MetricChange, NodeReport
from modelyard.apply.scheduler import FATAL, Ending
from modelyard.errors import ModelyardError
from modelyard.graph.codec import node_to_json
from modelyard.graph.fingerprint import fingerprint
from modelyard.graph.model import Node
from modelyard.plan.definition import Change
from modelyard.plan.restoring import usable
from modelyard.state import AppliedRecord, RunRecord
from modelyard.targets.base import Outcome
from modelyard.task import TaskResult


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, ended: the `number`th, and how long it took."""

    run: RunRecord
    outcome: Outcome
    seconds: float
    number: int


class TaskRunner:
    """Carries out the planned tasks of one apply."""

    def __init__(self, applying: Applying, budget: Budget, champions: Champions) -> None:
        self._applying = applying
        self._budget = budget
        self._champions = champions
        self._same: dict[str, threading.Lock] = {}

    def cut_off(self, node: Node, change: Change) -> bool:
        """Whether nothing is left to do, now that the inputs are known: they came out the same."""
        applying = self._applying
        record = applying.applied.get(node.address)
        if record is None or any(reason.kind in {"lost", "drift"} for reason in change.reasons):
            return False
        inputs = applying.inputs(node)
        if inputs.unknown or fingerprint(node, inputs.digests) != record.fingerprint:
            return False
        if any(name not in record.outputs for name in node.outputs):
            return False
        applying.know(node.address, record.outputs)
        why = "" if change.certain else "its inputs came out the same"
        self._finish(NodeReport(node.address, node.kind, "task", change.action, "unchanged", summary=why or "cached"))
        return True

    def run(self, node: Node, change: Change) -> Ending:
        """Restore or run; never raises for what a task does."""
        try:
            return self._restore_or_run(node, change)
        except ModelyardError as error:
            self._finish(
                NodeReport(
                    node.address, node.kind, "task", change.action, "failed", status="error", reason=error.what,
                    fix=error.fix or "", tail=error.details,
                )
            )  # fmt: skip
            return "fatal" if error.code in FATAL else "failed"

    def _restore_or_run(self, node: Node, change: Change) -> Ending:
        applying = self._applying
        inputs = applying.inputs(node)
        if inputs.unknown:
            waits = ", ".join(sorted(set(inputs.unknown.values())))
            raise ModelyardError(f"its input from {waits} does not exist", fix="plan again", code="stale-plan")
        print_ = fingerprint(node, inputs.digests)
        if change.fingerprint and change.fingerprint != print_:
            raise ModelyardError("it is no longer what was planned", fix="plan again", code="stale-plan")
        self._leave_service(node)
        with self._same.setdefault(print_, threading.Lock()):  # whoever comes second takes the first one's result
            result = self._earlier(node, print_)
            if result:
                applying.store.share(print_, result)  # a remote that failed when this was made has it not
                self._restored(node, change, print_, inputs.digests, result)
                return "ok"
            return self._attempts(node, change, print_, inputs.digests)

    def _leave_service(self, node: Node) -> None:
        """Where a service had this address before, its record is about to be written over: stop it first."""
        applying = self._applying
        record = applying.applied.get(node.address)
        if record and record.role == "service":
            applying.target.remove(node.address, self._relay(node.address))

    def _earlier(self, node: Node, print_: str) -> TaskResult | None:
        applying = self._applying
        for find in (applying.state.result, applying.store.get_result):
            result = usable(node, find(print_), applying.unfinished, applying.store.has)
            if result:
                return result
        return None

    def _restored(self, node: Node, change: Change, print_: str, inputs: Mapping[str, str], result: TaskResult) -> None:
        """Take a result as it is. One that a killed apply left behind is written down as the good run it was."""
        applying = self._applying
        self._record(node, print_, inputs, result, seconds=result.seconds, event="restored")
        recovered = result.run_id in applying.unfinished
        if recovered:
            applying.state.finish_run(result.run_id, "ok", result=result)
        words = "finished before the last apply was cut short" if recovered else f"from run {result.run_id[:8]}"
        self._finish(
            NodeReport(
                node.address, node.kind, "task", change.action, "restored", summary=result.summary or words,
                metrics=metric_changes(node, result.metrics, self._earlier_metrics(node), self._champions),
                run_id=result.run_id, status=words,
            )
        )  # fmt: skip

    def _attempts(self, node: Node, change: Change, print_: str, inputs: Mapping[str, str]) -> Ending:
        begun = time.monotonic()
        for number in range(1, node.retries.times + 2):
            attempt = self._attempt(node, print_, number)
            self._budget.spend(node, attempt.seconds)
            result = attempt.outcome.result
            if attempt.outcome.status == "ok" and result:
                earlier = self._earlier_metrics(node)
                self._record(
                    node, print_, inputs, result, seconds=attempt.seconds, event="applied", run_id=attempt.run.run_id
                )
                self._close_run(node, attempt)
                metrics = metric_changes(node, result.metrics, earlier, self._champions)
                self._done(change, attempt, result, metrics, time.monotonic() - begun)
                return "ok"
            self._close_run(node, attempt)
            if self._gives_up(node, attempt):
                return self._failed(change, attempt, time.monotonic() - begun)
        raise AssertionError("the last attempt ends in a return")

    def _gives_up(self, node: Node, attempt: Attempt) -> bool:
        """True after the last attempt and when cancelled; else waits before the next, longer each time."""
        cancel = self._applying.cancel
        if attempt.number > node.retries.times or attempt.outcome.status == "cancelled" or cancel.is_set():
            return True
        wait = node.retries.backoff * 2 ** (attempt.number - 1)
        self._applying.emit(NodeRetry(node.address, attempt.number, wait, attempt.outcome.reason))
        return cancel.wait(wait)

    def _attempt(self, node: Node, print_: str, number: int) -> Attempt:
        applying = self._applying
        limit = self._budget.time_limit(node)
        run_id = uuid4().hex[:12]
        log = applying.root / ".modelyard" / "logs" / f"{run_id}.log"
        workdir = applying.root / ".modelyard" / "work" / print_.removeprefix("b3:")
        keep_code(applying.root, node)
        run = applying.state.record_run(
            RunRecord(
                run_id, node.address, node.kind, print_, "running", applying.environment, number, log=str(log),
                recorded=self._accounting(node),
            )
        )  # fmt: skip
        applying.emit(NodeStarted(node.address, node.kind, run_id, number, str(log)))
        document = applying.document(node, print_, run_id, number, workdir)
        begun = time.monotonic()
        relay = self._relay(node.address)
        outcome = applying.executor.run(document, node.resources, limit, log, relay, applying.cancel)
        if outcome.status == "ok" and outcome.result is None:
            outcome = Outcome("failed", None, outcome.exit_code, "it ended well but left no result", outcome.tail)
        return Attempt(run, outcome, time.monotonic() - begun, number)

    def _relay(self, address: str) -> Any:
        return lambda event: self._applying.emit(NodeEvent(address, event))

    def _accounting(self, node: Node) -> dict[str, Any]:
        return {"apply": self._applying.apply_id, "gpu": node.resources.gpu * node.resources.nodes}

    def _close_run(self, node: Node, attempt: Attempt) -> None:
        outcome = attempt.outcome
        recorded = {**(outcome.result.recorded if outcome.result else {}), **self._accounting(node)}
        self._applying.state.finish_run(
            attempt.run.run_id, outcome.status, error=outcome.reason, result=outcome.result, seconds=attempt.seconds,
            recorded=recorded,
        )  # fmt: skip

    def _record(
        self, node: Node, print_: str, inputs: Mapping[str, str], result: TaskResult, *, seconds: float, event: str,
        run_id: str = "",
    ) -> None:  # fmt: skip
        self._applying.record(
            AppliedRecord(
                address=node.address, kind=node.kind, role="task", fingerprint=print_, node_json=node_to_json(node),
                inputs=dict(inputs), outputs=result.outputs, metrics=result.metrics,
                run_id=run_id or result.run_id, seconds=seconds, summary=result.summary,
            ),
            event,
        )  # fmt: skip
        self._applying.know(node.address, result.outputs)

    def _earlier_metrics(self, node: Node) -> Mapping[str, float]:
        record = self._applying.applied.get(node.address)
        return record.metrics if record else {}

    def _done(
        self, change: Change, attempt: Attempt, result: TaskResult, metrics: tuple[MetricChange, ...], seconds: float
    ) -> None:
        run = attempt.run
        self._finish(
            NodeReport(
                change.address, change.kind, "task", change.action, "done", seconds, result.summary, metrics,
                result.warnings, run_id=run.run_id, log=run.log, attempts=attempt.number, status="ok",
            )
        )  # fmt: skip

    def _failed(self, change: Change, attempt: Attempt, seconds: float) -> Ending:
        outcome, run = attempt.outcome, attempt.run
        ending: Literal["cancelled", "failed"] = "cancelled" if outcome.status == "cancelled" else "failed"
        reason = outcome.reason or _WORDS.get(outcome.status, outcome.status)
        applying = self._applying
        payload = {"address": change.address, "run": run.run_id, "apply": applying.apply_id, "reason": reason}
        applying.state.journal(ending, payload, applying.environment)
        self._finish(
            NodeReport(
                change.address, change.kind, "task", change.action, ending, seconds, run_id=run.run_id, log=run.log,
                attempts=attempt.number, status=outcome.code or outcome.status, reason=reason, fix=outcome.fix,
                tail=outcome.tail,
            )
        )  # fmt: skip
        return "fatal" if outcome.code in FATAL else ending

    def _finish(self, report: NodeReport) -> None:
        self._applying.reports[report.address] = report
        self._applying.emit(NodeFinished(report))


_WORDS = {
    "timeout": "it took longer than its timeout",
    "out-of-memory": "it ran out of memory",
    "cancelled": "cancelled",
    "failed": "it failed and said nothing",
}
