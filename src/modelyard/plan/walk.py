"""One walk over the graph, in topological order, that decides for each node.

What an upstream change will bring is not known before it ran; what hangs below it is planned as a change that is not
certain, and `apply` cuts it off where the digests come out the same.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from modelyard.graph.fingerprint import fingerprint, service_fingerprint
from modelyard.graph.model import Graph, Node
from modelyard.plan.definition import Action, Change, Reason
from modelyard.plan.describe import describe
from modelyard.plan.inputs import KnownOutputs, Outputs, Resolved
from modelyard.plan.reasons import node_reasons, resource_reasons, rollout_reasons
from modelyard.plan.records import Applied, LineChanges, LiveService, Results
from modelyard.plan.restoring import restore_reason, usable
from modelyard.plan.scope import Scope


@dataclass
class Walk:
    """One pass over the graph. `outputs` knows what each node's ports will carry; a pending node's are unknown."""

    graph: Graph
    applied: Mapping[str, Applied]
    results: Results
    live: Mapping[str, LiveService] | None
    scope: Scope
    failed: Mapping[str, str]
    unfinished: Collection[str]
    lost: Collection[str]
    has: Callable[[str], bool] | None
    line_changes: LineChanges | None
    moved: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    outputs: KnownOutputs = field(default_factory=KnownOutputs)

    def run(self) -> list[Change]:
        changes = []
        for address, node in self.graph.nodes.items():
            if address not in self.scope:
                record = self.applied.get(address)
                self.outputs.set(address, record)
                continue
            decide = self._task if node.role == "task" else self._service
            changes.append(self._unchanged(address, node) or decide(node))
        return changes

    def _unchanged(self, address: str, node: Node) -> Change | None:
        """The common case, kept short: a task that is as it was, before any inputs or reasons are looked into."""
        record = self.applied.get(address)
        if record is None or node.role != "task" or address in self.lost:
            return None
        digests = self.outputs.digests(node)
        if digests is None or fingerprint(node, digests) != record.fingerprint:
            return None
        self.outputs.set(address, record)
        if address in self.moved:
            drift = self.moved[address]
            return Change(address, node.kind, "task", Action.RERUN, drift, True, record.fingerprint, detail="put back")
        return Change(address, node.kind, "task", Action.NOOP, fingerprint=record.fingerprint)

    def _task(self, node: Node) -> Change:
        record = self.applied.get(node.address)
        inputs = self.outputs.resolve(node)
        if inputs.unknown:
            return self._conditional(node, record, inputs)
        print_ = fingerprint(node, inputs.digests)
        lost = node.address in self.lost
        result = usable(node, self.results(print_), self.unfinished, self.has)
        if result:
            self.outputs.set(node.address, result)
            reasons = (*self._why(node, record, inputs), restore_reason(result))
            return Change(node.address, node.kind, "task", Action.RESTORE, reasons, True, print_)
        self.outputs.set(node.address, None)
        reasons = (_lost(node.address),) if lost else self._why(node, record, inputs)
        action = Action.RERUN if record else Action.CREATE
        return self._change(node, action, reasons, True, print_)

    def _conditional(self, node: Node, record: Applied | None, inputs: Resolved) -> Change:
        """A task below a change: its fingerprint is known after apply."""
        self.outputs.set(node.address, None)
        reasons = self._why(node, record, inputs)
        if record is None:
            return self._change(node, Action.CREATE, reasons, True, None)
        certain = not _same_but_unknown(node, record, inputs, fingerprint) or node.address in self.lost
        return self._change(node, Action.RERUN, reasons, certain, None)

    def _service(self, node: Node) -> Change:
        record = self.applied.get(node.address)
        inputs = self.outputs.resolve(node)
        fixed_unknown = [port for port in inputs.unknown if not node.inputs[port].follow]
        print_ = None if fixed_unknown else service_fingerprint(node, inputs.with_unknown(""))
        if record is None:
            return self._change(node, Action.CREATE, self._why(node, None, inputs), True, print_)
        if print_ is None:
            certain = not _same_but_unknown(node, record, inputs, service_fingerprint)
            return self._change(node, Action.REPLACE, self._why(node, record, inputs), certain, None)
        resized = resource_reasons(node, record.node_json["resources"])
        if print_ != record.fingerprint or resized:
            reasons = (*self._why(node, record, inputs, explain=print_ != record.fingerprint), *resized)
            return self._change(node, Action.REPLACE, reasons, True, print_)
        drift = _moved(record.target, self.graph.target) or self._drift(node.address, print_)
        if drift:
            gone = drift[0].kind == "target" or drift[0].before == "stopped"
            return self._change(node, Action.CREATE if gone else Action.REPLACE, drift, True, print_)
        followed = self._followed(node, record, inputs)
        if followed or inputs.unknown:
            reasons = (*rollout_reasons(node), *(followed or inputs.reasons()))
            return self._change(node, Action.UPDATE, reasons, not inputs.unknown, print_)
        self.outputs.set(node.address, Outputs({}))
        return Change(node.address, node.kind, "service", Action.NOOP, fingerprint=print_)

    def _followed(self, node: Node, record: Applied, inputs: Resolved) -> tuple[Reason, ...]:
        """Reasons from the inputs that the running service follows by itself."""
        return tuple(inputs.changed(node, record.inputs, record.node_json["inputs"]))

    def _drift(self, address: str, print_: str) -> tuple[Reason, ...]:
        if self.live is None:
            return ()
        running = self.live.get(address)
        if running is None or running.status == "stopped":
            return (Reason("drift", address, "stopped", note="is not running, though it was applied"),)
        if running.status in {"failed", "unhealthy"}:
            detail = f": {running.detail}" if running.detail else ""
            return (Reason("drift", address, running.status, note=f"is {running.status}{detail}"),)
        if running.fingerprint is not None and running.fingerprint != print_:
            return (Reason("drift", address, "other", note="what runs differs from what was applied"),)
        return ()

    def _why(self, node: Node, record: Applied | None, inputs: Resolved, explain: bool = True) -> tuple[Reason, ...]:
        reasons: list[Reason] = []
        if node.address in self.failed:
            said = self.failed[node.address]
            reasons.append(Reason("failed", node.address, note="last attempt failed" + (f": {said}" if said else "")))
        if record is None:
            return (*reasons, *([] if reasons else [Reason("new", node.address, note="never applied")]),
                    *inputs.reasons())  # fmt: skip
        before = record.node_json
        reasons += node_reasons(node, before, self.line_changes)
        reasons += inputs.changed(node, record.inputs, before["inputs"])
        reasons += inputs.reasons()
        if not reasons and explain:
            reasons.append(Reason("format", "modelyard", note="tells fingerprints otherwise than when it was applied"))
        return tuple(reasons)

    def _change(
        self, node: Node, action: Action, reasons: tuple[Reason, ...], certain: bool, print_: str | None
    ) -> Change:
        after = tuple(address for address in node.upstream if self.outputs.pending(address))
        detail = describe(node, action)
        return Change(node.address, node.kind, node.role, action, reasons, certain, print_, after, detail=detail)

    def missing_inputs(self, changes: Sequence[Change]) -> set[str]:
        """Tasks taken as they are whose outputs a pending node needs, and the store has no more."""
        assert self.has
        here = cache(self.has)
        missing = set()
        for change in changes:
            if change.action in {Action.NOOP, Action.RESTORE}:
                continue
            for ref in self.graph.nodes[change.address].inputs.values():
                if self.outputs.pending(ref.node) or ref.node not in self.scope:
                    continue
                digest = self.outputs.digest(ref)
                if digest is None or not here(digest):
                    missing.add(ref.node)
        return missing


def _moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Reason, ...]:
    """A service that was applied on another target has to be brought up on this one."""
    was, here = next(iter(before), None), next(iter(now), None)
    return (Reason("target", "target", was, here),) if was and was != here else ()


def _same_but_unknown(
    node: Node, record: Applied, inputs: Resolved, digest_of: Callable[[Node, Mapping[str, str]], str]
) -> bool:
    """Whether nothing but the unknown inputs can change the node."""
    return digest_of(node, inputs.with_earlier(record.inputs)) == record.fingerprint


def _lost(address: str) -> Reason:
    return Reason("lost", address, note="its output is no longer in the store, and is needed")
