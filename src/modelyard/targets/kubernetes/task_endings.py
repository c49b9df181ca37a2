"""How an attempt ended, with what the cluster knows of it and the task itself could not say any more."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from modelyard.errors import ModelyardError
from modelyard.targets.base import Outcome
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.explaining import last_words
from modelyard.targets.kubernetes.task_listener import TaskListener
from modelyard.task import TaskDocument, TaskResult

_SILENT = ("killed", "cancelled")
"""What an attempt's end is called where nobody but a signal had a say in it."""


def explained(api: Api, outcome: Outcome, heard: TaskListener) -> Outcome:
    if outcome.status != "failed":
        return outcome
    if found := heard.problem():
        problem, pod = found
        if problem.code == "out-of-memory":
            return replace(outcome, status="out-of-memory", reason=problem.what, fix=problem.fix, code=problem.code)
        leader = heard.last.leader
        others = leader is not None and pod["metadata"]["uid"] != leader["metadata"]["uid"]
        if problem.code == "evicted" or (others and outcome.code in _SILENT):
            tail = _words(api, pod) if others else outcome.tail
            return replace(outcome, reason=problem.what, fix=problem.fix, code=problem.code, tail=tail)
    if heard.deadline_passed:
        reason = "its Job ran past its deadline, with the time that it waited"
        return replace(outcome, status="timeout", reason=reason, fix="raise its `timeout`", code="timeout")
    if heard.lost and outcome.code in _SILENT:
        return replace(outcome, reason=heard.lost.what, fix=heard.lost.fix or "", code=heard.lost.code)
    return outcome


def _words(api: Api, pod: dict[str, object]) -> tuple[str, ...]:
    with suppress(ModelyardError):
        return tuple(last_words(api, pod))
    return ()


def kept_result(task: TaskDocument) -> TaskResult | None:
    """What the task put into the store before it ended, where that store is one that we reach too."""
    from modelyard.store import Store

    with suppress(ModelyardError, OSError):
        return Store.open(task.store, Path(task.root), task.settings).get_result(task.fingerprint)
    return None
