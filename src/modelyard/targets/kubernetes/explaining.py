"""What a person wants to see of a workload that fails: the problem, the events, the last lines of the log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.kinds import EVENT, POD, Object, kind_of, name_of
from modelyard.targets.kubernetes.problems import Problem, event_problem, pod_problem
from modelyard.wording import on_one_line

_EVENTS = 5
_LINES = 15


@dataclass(frozen=True, slots=True)
class Trouble:
    """`pod` is the one that shows the problem, where one does."""

    problem: Problem
    pod: Object | None = None
    events: Sequence[Object] = field(default_factory=tuple)


def trouble_of(api: Api, obj: Object) -> Trouble | None:
    """Of a workload as it is now. Two requests, three where no pod tells."""
    pods = pods_of(api, obj)
    for pod in pods:
        if problem := pod_problem(pod):
            return Trouble(problem, pod)
    names = {name_of(obj), *(name_of(pod) for pod in pods)}
    try:
        events = [event for event in events_of(api) if _about(event, names, name_of(obj))]
    except Refusal as error:
        if error.code == "no-rights":  # pods tell the most of it
            return None
        raise
    for event in events:
        if problem := event_problem(event, api.namespace, api.cluster):
            return Trouble(problem, events=events)
    return None


def pods_of(api: Api, obj: Object) -> list[Object]:
    """Those that its selector matches, the youngest first."""
    if kind_of(obj) == POD:
        return [obj]
    selector = ((obj.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if not selector:
        return []
    pods = api.list(POD, ",".join(f"{name}={value}" for name, value in selector.items()))
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)


def events_of(api: Api) -> list[Object]:
    """The namespace's warnings, the latest first."""
    return sorted(api.list(EVENT, fields="type=Warning"), key=_time, reverse=True)


def details(api: Api, names: Iterable[str], pod: Object | None, problem: Problem | None) -> list[str]:
    """Lines under an error: the last events about these objects, then the last lines of the container's log."""
    known = set(names)
    try:
        events = [event for event in events_of(api) if _named(event) in known]
        lines = [_line(event) for event in reversed(events[:_EVENTS])]
        return [*lines, *last_words(api, pod, problem)]
    except ModelyardError as error:  # of what failed more is to be said than that its events may not be read
        return [f"(no events: {error.what})"]


def last_words(api: Api, pod: Object | None, problem: Problem | None = None, number: int = _LINES) -> list[str]:
    """Of the container that the problem is about, of its instance before the restart where that one failed."""
    if pod is None:
        return []
    container = (problem.container if problem else None) or pod["spec"]["containers"][0]["name"]
    return list(api.pod_log(name_of(pod), container=container, tail=number, previous=bool(problem and problem.before)))


def _about(event: Object, names: set[str], owner: str) -> bool:
    """Also of what stands between a workload and its pods: a ReplicaSet is named after its Deployment."""
    named = _named(event)
    of_a_set = (event.get("involvedObject") or {}).get("kind") == "ReplicaSet" and named.startswith(f"{owner}-")
    return named in names or of_a_set


def _named(event: Object) -> str:
    return str((event.get("involvedObject") or {}).get("name"))


def _time(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _line(event: Object) -> str:
    about = event.get("involvedObject") or {}
    often = f" (×{event['count']})" if int(event.get("count") or 1) > 1 else ""
    said = on_one_line(str(event.get("message")), 240)
    return f"{event.get('reason')} {about.get('kind')}/{about.get('name')}: {said}{often}"
