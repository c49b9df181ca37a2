"""Results that are older than `store.remote`: sent to it by the next apply, so that others find what stands here.

What tasks make while there is a remote is sent as it is made. Sending needs no lock: what has a name by its content is
the same whoever sends it.
"""

import threading
import time
from collections.abc import Mapping

from modelyard.apply.events import NodeEvent, NodeFinished, NodeStarted, OnApplyEvent
from modelyard.apply.report import NodeReport, Outcome
from modelyard.graph.model import Graph
from modelyard.plan.definition import Action, Plan
from modelyard.plan.quantities import size
from modelyard.state import State
from modelyard.store import Store
from modelyard.task import TaskResult

_ADDRESS = "store.remote"
_DONE: Outcome = "done"
_STOPPED: Outcome = "cancelled"
_STANDING = frozenset({Action.NOOP, Action.RESTORE})


def share_results(
    plan: Plan, graph: Graph, state: State, store: Store, tell: OnApplyEvent, cancel: threading.Event | None = None
) -> None:
    """Send what the plan takes as it is, and the versions it has registered, as far as the remote lacks them.

    Asks nothing of the remote where this store has sent it all before. Raises ModelyardError `store-remote`.
    """
    if not isinstance(store, Store) or store.remote is None:  # one on a cluster's volume has no remote either
        return
    standing = {
        change.fingerprint: change
        for change in plan.changes
        if change.role == "task" and change.action in _STANDING and change.fingerprint
    }
    waiting = {
        fingerprint: result
        for fingerprint in store.unsent(standing)
        if (result := _whole(fingerprint, state, store)) is not None and not store.is_shared(fingerprint, result)
    }
    if not waiting:
        return
    registered = {
        fingerprint: f"registry/{graph.nodes[change.address].config['name']}/"
        for fingerprint, change in standing.items()
        if change.kind == "register" and change.action is Action.NOOP
    }
    _Sending(store, tell, cancel or threading.Event()).run(waiting, registered)


def _whole(fingerprint: str, state: State, store: Store) -> TaskResult | None:
    """A result that can be sent: where parts of it are lost, the plan says so, and its task makes them again."""
    result = store.get_result(fingerprint) or state.result(fingerprint)
    if result is None or not all(store.has(artifact.digest) for artifact in result.outputs.values()):
        return None
    return result


class _CancelledError(Exception):
    """Ends the sending between two files."""


class _Sending:
    """Results on their way, told as the work of one address."""

    def __init__(self, store: Store, tell: OnApplyEvent, cancel: threading.Event) -> None:
        self._store = store
        self._tell = tell
        self._cancel = cancel
        self._done = self._total = 0
        self._turn = threading.Lock()

    def run(self, results: Mapping[str, TaskResult], registered: Mapping[str, str]) -> None:
        begun = time.monotonic()
        self._total = sum(artifact.bytes for result in results.values() for artifact in result.outputs.values())
        self._tell(NodeStarted(_ADDRESS, "store"))
        count, outcome = 0, _DONE
        try:
            for fingerprint, result in results.items():
                if fingerprint in registered:  # before its result: what is known to be sent is not looked at again
                    self._store.share_refs(registered[fingerprint])
                self._store.share(fingerprint, result, self._sent)
                count += 1
        except _CancelledError:
            outcome = _STOPPED
        words = f"{count} earlier result{'' if count == 1 else 's'} sent, {size(self._done)}"
        seconds = time.monotonic() - begun
        self._tell(NodeFinished(NodeReport(_ADDRESS, "store", "task", Action.UPDATE, outcome, seconds, words)))

    def _sent(self, count: int) -> None:
        if self._cancel.is_set():
            raise _CancelledError
        with self._turn:  # files are sent on several threads
            self._done += count
            event = {"event": "progress", "done": self._done, "total": self._total, "text": "earlier results"}
            self._tell(NodeEvent(_ADDRESS, event))
