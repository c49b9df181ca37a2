"""An apply's events as lines of a log: how a run in a cluster tells whoever follows it, and a second follower too."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from modelyard.apply.events import (
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    LockWaiting,
    NodeEvent,
    NodeFinished,
    NodeRetry,
    NodeStarted,
)
from modelyard.apply.report import ApplyReport, MetricChange, NodeReport
from modelyard.errors import ModelyardError
from modelyard.plan.definition import Action
from modelyard.task import decode_event, encode_event

_EVENT = "apply"
_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (ApplyStarted, LockWaiting, NodeStarted, NodeEvent, NodeRetry)
}


def event_line(event: ApplyEvent) -> str:
    """One line, newline not included. The last event names its nodes, each of which was told before."""
    match event:
        case NodeFinished(report=report):
            data: dict[str, Any] = asdict(report)
        case ApplyFinished(report=report):
            data = {
                "project": report.project, "environment": report.environment, "seconds": report.seconds,
                "cancelled": report.cancelled, "warnings": report.warnings, "tracking": report.tracking,
                "nodes": [node.address for node in report.nodes],
            }  # fmt: skip
        case _:
            data = {name: getattr(event, name) for name in type(event).__dataclass_fields__}
    return encode_event({"event": _EVENT, "kind": type(event).__name__, "data": data})


def refusal_line(error: ModelyardError) -> str:
    """Of an apply that did not begin, or could not go on."""
    data = {"what": error.what, "fix": error.fix, "address": error.address, "code": error.code}
    return encode_event({"event": _EVENT, "kind": "Refused", "data": {**data, "details": list(error.details)}})


class EventReader:
    """Reads one run's lines, from its first on."""

    def __init__(self) -> None:
        self._reports: dict[str, NodeReport] = {}

    def read(self, line: str) -> ApplyEvent | None:
        """The event of a line; None where it is plain text, or of a kind that is not known here.

        Raises the ModelyardError that the run told.
        """
        event = decode_event(line)
        if event is None or event.get("event") != _EVENT:
            return None
        try:
            return self._event(event["kind"], event["data"])
        except (KeyError, TypeError, ValueError):
            return None

    def _event(self, kind: str, data: Mapping[str, Any]) -> ApplyEvent | None:
        if kind == "Refused":
            raise ModelyardError(
                data["what"], fix=data["fix"], address=data["address"], code=data["code"], details=data["details"]
            )  # fmt: skip
        if kind == "NodeFinished":
            report = _report(data)
            self._reports[report.address] = report
            return NodeFinished(report)
        if kind == "ApplyFinished":
            nodes = tuple(self._reports[address] for address in data["nodes"] if address in self._reports)
            return ApplyFinished(ApplyReport(**{**data, "nodes": nodes, "warnings": tuple(data["warnings"])}))
        if kind not in _KINDS:
            return None
        lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
        event: ApplyEvent = _KINDS[kind](**{**data, **lists})
        return event


def _report(data: Mapping[str, Any]) -> NodeReport:
    metrics = tuple(MetricChange(**metric) for metric in data["metrics"])
    lists = {name: tuple(data[name]) for name in ("warnings", "tail")}
    return NodeReport(**{**data, **lists, "metrics": metrics, "action": Action(data["action"])})
