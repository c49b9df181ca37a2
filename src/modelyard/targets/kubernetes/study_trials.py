"""What Katib's Trials say, and what the last words were of one that failed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.kinds import Object, name_of
from modelyard.targets.kubernetes.operators.katib import COLLECTOR
from modelyard.targets.kubernetes.problems import pod_problem
from modelyard.targets.kubernetes.statuses import condition_of, exit_code_of, states_of
from modelyard.task import EVENT_PREFIX, decode_event
from modelyard.trials import EVENT
from modelyard.wording import on_one_line

_STATES = {
    "Succeeded": "complete", "EarlyStopped": "pruned", "Failed": "fail", "MetricsUnavailable": "fail", "Killed": "fail",
}  # fmt: skip
_LINES = 40
_UNHEARD = (
    "it told its metric, and Katib has read none: give the namespace the label "
    "katib.kubeflow.org/metrics-collector-injection=enabled"
)


@dataclass(frozen=True)
class Words:
    """Why a trial failed, in one line, and the last lines that it wrote."""

    reason: str
    tail: tuple[str, ...] = ()


def state_of(trial: Object) -> str | None:
    """None of one that has not ended."""
    ended = condition_of(trial, *_STATES)
    return _STATES[ended["type"]] if ended else None


def told_of(trial: Object) -> dict[str, Any]:
    words = {one["name"]: str(one["value"]) for one in trial["spec"].get("parameterAssignments") or ()}
    return {"name": name_of(trial), "state": state_of(trial), "words": words}


def metric_of(observation: Mapping[str, Any] | None, name: str) -> float | None:
    for one in (observation or {}).get("metrics") or ():
        if one.get("name") == name:
            with suppress(ValueError, TypeError):
                return float(one.get("latest"))
    return None


def last_words_of(api: Api, trial: str, pods: Sequence[Object]) -> Words:
    """Of the pod of its Job, which has the trial's name."""
    pod = next((one for one in pods if _is_of(one, trial)), None)
    if pod is None:
        return Words("its pod is gone")
    problem = pod_problem(pod)
    lines: list[str] = []
    with suppress(ModelyardError):
        lines = list(api.pod_log(name_of(pod), container=_speaker(pod), tail=_LINES))
    events = _events(lines)
    said = next((event for event in reversed(events) if event.get("event") == "error"), None)
    plain = tuple(line for line in lines if EVENT_PREFIX not in line)
    if problem and problem.code in ("out-of-memory", "evicted"):
        return Words(problem.what, plain)
    if said:
        return Words(on_one_line(str(said.get("what")), 300), plain)
    if exit_code_of(pod) == 0 and any(event.get("event") == EVENT for event in events):
        return Words(_UNHEARD, plain)
    last = next((line.strip() for line in reversed(plain) if line.strip()), "")
    return Words(last[:300] or (problem.what if problem else "it told no metric"), plain)


def _is_of(pod: Object, trial: str) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(owner.get("name") == trial for owner in owners)


def _speaker(pod: Object) -> str:
    names = [name for name, _ in states_of(pod)]
    return COLLECTOR if COLLECTOR in names else str(pod["spec"]["containers"][0]["name"])


def _events(lines: Sequence[str]) -> list[dict[str, Any]]:
    """The collector writes each line behind words of its own."""
    found = (decode_event(line[line.index(EVENT_PREFIX) :]) for line in lines if EVENT_PREFIX in line)
    return [event for event in found if event]
