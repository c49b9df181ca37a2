"""Services: brought up, changed or taken away through the target; written down once they are ready."""

import time
from typing import Literal
from uuid import uuid4

from modelyard.apply.context import Applying
from modelyard.apply.events import NodeEvent, NodeFinished, NodeStarted
from modelyard.apply.report import NodeReport
from modelyard.apply.scheduler import FATAL, Ending
from modelyard.apply.whereabouts import target_of
from modelyard.errors import ModelyardError
from modelyard.graph.codec import node_to_json
from modelyard.graph.fingerprint import service_fingerprint
from modelyard.graph.model import Node
from modelyard.plan.definition import Action, Change
from modelyard.state import AppliedRecord
from modelyard.targets.base import Deployment, LiveService


class ServiceRunner:
    """Carries out the planned services of one apply."""

    def __init__(self, applying: Applying) -> None:
        self._applying = applying

    def cut_off(self, node: Node, change: Change) -> bool:
        """Whether what it was to be changed for came out the same."""
        applying = self._applying
        record = applying.applied.get(node.address)
        inputs = applying.inputs(node)
        if change.certain or record is None or inputs.unknown:
            return False
        if service_fingerprint(node, inputs.digests) != record.fingerprint or dict(inputs.digests) != record.inputs:
            return False
        why = "its inputs came out the same"
        self._finish(NodeReport(node.address, node.kind, "service", change.action, "unchanged", summary=why))
        return True

    def run(self, node: Node, change: Change) -> Ending:
        begun = time.monotonic()
        applying = self._applying
        run_id = uuid4().hex[:12]
        try:
            self._make_room(node)
            applying.emit(NodeStarted(node.address, node.kind, run_id))
            live = self._deploy(node, run_id)
        except ModelyardError as error:
            return self._failed(change, error, time.monotonic() - begun)
        seconds = time.monotonic() - begun
        self._finish(
            NodeReport(
                node.address, node.kind, "service", change.action, "done", seconds, live.detail, url=live.url or "",
                run_id=run_id, status=live.status,
            )
        )  # fmt: skip
        return "ok"

    def _failed(self, change: Change, error: ModelyardError, seconds: float = 0.0) -> Ending:
        ending: Literal["cancelled", "failed"] = "cancelled" if self._applying.cancel.is_set() else "failed"
        self._finish(
            NodeReport(
                change.address, change.kind, change.role, change.action, ending, seconds, status=error.code,
                reason=error.what, fix=error.fix or "", tail=error.details,
            )
        )  # fmt: skip
        return "fatal" if error.code in FATAL else ending

    def _deploy(self, node: Node, run_id: str) -> LiveService:
        applying = self._applying
        resolved = applying.inputs(node)
        if resolved.unknown:
            waits = ", ".join(sorted(set(resolved.unknown.values())))
            raise ModelyardError(f"its input from {waits} does not exist", fix="plan again", code="stale-plan")
        inputs = resolved.digests
        print_ = service_fingerprint(node, inputs)
        workdir = applying.root / ".modelyard" / "services" / node.address
        document = applying.document(node, print_, run_id, 1, workdir)
        previous = applying.live.services.get(node.address)
        self._leave_other_target(node)
        live = applying.target.deploy(
            Deployment(node, document, previous, applying.cancel),
            lambda event: applying.emit(NodeEvent(node.address, event)),
        )
        applying.record(
            AppliedRecord(
                address=node.address, kind=node.kind, role="service", fingerprint=print_, node_json=node_to_json(node),
                inputs=dict(inputs), run_id=run_id, summary=live.url or live.detail, target=applying.graph.target,
            ),
            "deployed",
        )  # fmt: skip
        return live

    def _leave_other_target(self, node: Node) -> None:
        """Where the environment had another target, the service still runs there, perhaps at the port that it wants."""
        applying = self._applying
        record = applying.applied.get(node.address)
        if record is not None and record.role == "service":
            target = target_of(record, applying.graph, applying.root, applying.target)
            if target is not applying.target:
                target.remove(node.address, lambda event: applying.emit(NodeEvent(node.address, event)))

    def _make_room(self, node: Node) -> None:
        """Take away first what is to go anyway and holds the port that is asked for: a service that was renamed."""
        port = node.config.get("port")
        applying = self._applying
        for change in applying.plan.pending:
            if change.action is not Action.DELETE or change.role != "service" or change.address in applying.reports:
                continue
            record = applying.applied.get(change.address)
            if port is not None and record and record.node_json["config"].get("port") == port:
                self.delete(change)

    def delete(self, change: Change) -> None:
        """Stop a service that is no longer in the graph, and forget it. Raises ModelyardError."""
        applying = self._applying
        begun = time.monotonic()
        if change.role == "service":
            record = applying.applied.get(change.address)
            target = target_of(record, applying.graph, applying.root, applying.target)
            target.remove(change.address, lambda event: applying.emit(NodeEvent(change.address, event)))
        applying.state.remove_applied(applying.environment, change.address)
        applying.state.journal("removed", {"address": change.address, "apply": applying.apply_id}, applying.environment)
        applying.applied.pop(change.address, None)
        seconds = time.monotonic() - begun
        words = "stopped and taken away" if change.role == "service" else "forgotten; its results stay stored"
        self._finish(NodeReport(change.address, change.kind, change.role, change.action, "done", seconds, words))

    def delete_or_report(self, change: Change) -> None:
        try:
            self.delete(change)
        except ModelyardError as error:
            self._failed(change, error)

    def _finish(self, report: NodeReport) -> None:
        self._applying.reports[report.address] = report
        self._applying.emit(NodeFinished(report))
