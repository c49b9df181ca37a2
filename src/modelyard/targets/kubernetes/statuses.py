"""What an object's status tells of it: the conditions that hold, and how far a pod has come."""

from modelyard.targets.kubernetes.kinds import Object


def condition_of(obj: Object, *types: str) -> Object | None:
    """The first of these types that holds."""
    for one in (obj.get("status") or {}).get("conditions") or ():
        if one.get("type") in types and one.get("status") == "True":
            return dict(one)
    return None


def is_over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def has_begun(pod: Object) -> bool:
    """Whether it has a log, or had one."""
    return is_over(pod) or any("running" in state or "terminated" in state for _, state in states_of(pod))


def exit_code_of(pod: Object) -> int | None:
    """Of its first container, as a container runtime tells it; None where that has not ended or nobody knows."""
    first = pod["spec"]["containers"][0]["name"]
    for name, state in states_of(pod):
        if name == first and (ended := state.get("terminated")):
            return int(ended["exitCode"])
    return None


def states_of(pod: Object) -> list[tuple[str, Object]]:
    """Each container's name and state."""
    known = (pod.get("status") or {}).get("containerStatuses") or ()
    return [(one["name"], one.get("state") or {}) for one in known]


def born(pod: Object) -> str:
    """When it was made: what pods that stand in for each other are sorted by."""
    return str(pod["metadata"].get("creationTimestamp"))
