"""What a person wants to see of a workload that fails: the problem, the events, the last lines of the log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.kinds import EVENT, OPERATED, POD, REPLICA_SET, Object, kind_of, name_of, selector_of
from modelyard.targets.kubernetes.names import ADDRESS, ENVIRONMENT, PROJECT
from modelyard.targets.kubernetes.problems import Problem, event_problem, pod_problem
from modelyard.targets.kubernetes.statuses import born
from modelyard.wording import on_one_line

_EVENTS = 5
_LINES = 15


@dataclass(frozen=True, slots=True)
class Trouble:
    """`pod` is the one that shows the problem, where one does."""

    problem: Problem
    pod: Object | None = None


def trouble_of(api: Api, obj: Object) -> Trouble | None:
    """Of a workload as the cluster has it now. Two requests at most."""
    # Pods of an earlier version may well have failed: they are on their way out.
    pods = [pod for pod in pods_of(api, obj) if _is_current(pod, obj)]
    for pod in pods:
        if problem := pod_problem(pod):
            return Trouble(problem, pod)
    try:
        events = [event for event in events_of(api) if _is_about(event, obj, pods)]
    except Refusal as error:
        if error.code == "no-rights":  # pods tell the most of it
            return None
        raise
    for event in events:
        if problem := event_problem(event, api.namespace, api.cluster):
            return Trouble(problem)
    return None


def _is_current(pod: Object, obj: Object) -> bool:
    """Whether a pod is made of the template that a workload has now; admission may have added to it."""
    template = (obj.get("spec") or {}).get("template")
    if template is None:
        return True
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    if not all(
        (meta.get(part) or {}).items() <= (pod["metadata"].get(part) or {}).items()
        for part in ("labels", "annotations")
    ):
        return False
    there = {one["name"]: one for one in pod["spec"].get("containers") or ()}
    same = all(_is_container(there.get(one["name"], {}), one) for one in spec.get("containers") or ())
    return same and _sources(spec) <= _sources(pod["spec"])


def _is_container(found: Object, wanted: Object) -> bool:
    """An indexed Job adds to a container's environment, as some meshes do."""
    if any(found.get(key) != wanted.get(key) for key in ("image", "command", "args")):
        return False
    return all(one in (found.get("env") or ()) for one in wanted.get("env") or ())


def _sources(spec: Object) -> set[tuple[str, str]]:
    """The ConfigMaps that a pod mounts: what a server is told is in one whose name changes with it."""
    return {(one["name"], one["configMap"]["name"]) for one in spec.get("volumes") or () if "configMap" in one}


def pods_of(api: Api, obj: Object) -> list[Object]:
    """Those that its selector matches, the youngest first."""
    if kind_of(obj) == POD:
        return [obj]
    selector = ((obj.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if obj["kind"] in OPERATED:
        labels = obj["metadata"].get("labels") or {}
        selector = {name: labels[name] for name in (PROJECT, ENVIRONMENT, ADDRESS) if name in labels}
    if not selector:
        return []
    pods = api.list(POD, selector_of(selector))
    return sorted(pods, key=born, reverse=True)


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


def _is_about(event: Object, obj: Object, pods: Sequence[Object]) -> bool:
    """A pod that is not made is told of by its workload, or by a ReplicaSet, which has its Deployment's name and more.

    Once it is made such events are history, though the cluster keeps them for an hour.
    """
    kind, named = (event.get("involvedObject") or {}).get("kind"), _named(event)
    if pods:
        return kind == POD.name and named in {name_of(pod) for pod in pods}
    return named == name_of(obj) or (kind == REPLICA_SET.name and named.startswith(f"{name_of(obj)}-"))


def _named(event: Object) -> str:
    return str((event.get("involvedObject") or {}).get("name"))


def _time(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _line(event: Object) -> str:
    about = event.get("involvedObject") or {}
    often = f" (×{event['count']})" if int(event.get("count") or 1) > 1 else ""
    said = on_one_line(str(event.get("message")), 240)
    return f"{event.get('reason')} {about.get('kind')}/{about.get('name')}: {said}{often}"
