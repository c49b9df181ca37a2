"""Why a pod does not run, or ran and died: one line with what to do, read from its status alone."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.targets.kubernetes.api_errors import Asked
from modelyard.targets.kubernetes.kinds import Object, name_of
from modelyard.targets.kubernetes.refusing import refusal
from modelyard.targets.kubernetes.statuses import condition_of
from modelyard.wording import on_one_line

_GOES_ON = "apply again"
_CRASHES = 3  # restarts of a container before nobody believes in the next one


@dataclass(frozen=True, slots=True)
class Problem:
    """`patience`: seconds that it may stand before waiting for its end is given up; inf where that may yet help.

    `container` is the one whose log tells more, with `before` that of the instance before its restart.
    """

    what: str
    fix: str
    code: str
    patience: float = math.inf
    container: str | None = None
    before: bool = False


def pod_problem(pod: Object) -> Problem | None:
    """The one that matters most. A pod that is only young has none."""
    return next(_problems(pod), None)


def _problems(pod: Object) -> Iterator[Problem]:
    status = pod.get("status") or {}
    if found := _ended_by_the_cluster(pod, status):
        yield found
    for container in _containers(status):
        if found := _container_problem(pod, container):
            yield found
    if found := _not_scheduled(status):
        yield found


def _ended_by_the_cluster(pod: Object, status: Mapping[str, Any]) -> Problem | None:
    reason, said = str(status.get("reason") or ""), _short(status.get("message"))
    name = name_of(pod)
    if reason == "Evicted":
        resource = "ephemeral-storage" if "ephemeral" in said or "storage" in said else "memory"
        fix = f"ask for what it needs in its `resources` ({resource}), so that it gets a node with room; {_GOES_ON}"
        return Problem(f"pod {name} was evicted: {said}", fix, "evicted", patience=0)
    if reason == "DeadlineExceeded":
        return Problem(f"pod {name} ran longer than its deadline", "raise its `timeout`", "timeout", patience=0)
    if reason in ("UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory", "OutOfpods", "NodeAffinity"):
        return Problem(f"the node refused pod {name}: {said or reason}", _GOES_ON, "evicted", patience=0)
    if taken := condition_of(pod, "DisruptionTarget"):
        why = _DISRUPTIONS.get(str(taken.get("reason")), _short(taken.get("message")))
        return Problem(f"pod {name} was taken off its node: {why}", _GOES_ON, "evicted", patience=0)
    if status.get("phase") == "Failed" and reason in ("NodeLost", "NodeShutdown", "Terminated", "Shutdown"):
        return Problem(f"pod {name} died with its node: {said or reason}", _GOES_ON, "evicted", patience=0)
    return None


_DISRUPTIONS = {
    "PreemptionByScheduler": "one of higher priority needed its place",
    "DeletionByTaintManager": "the node went out of service",
    "EvictionByEvictionAPI": "the node is being drained",
    "DeletionByPodGC": "the node is gone",
    "TerminationByKubelet": "the node ran short, or shut down",
}


def _containers(status: Mapping[str, Any]) -> list[Any]:
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _container_problem(pod: Object, container: Mapping[str, Any]) -> Problem | None:
    state = container.get("state") or {}
    if waiting := state.get("waiting"):
        return _waiting_problem(pod, container, waiting)
    if (ended := state.get("terminated")) and ended.get("exitCode") != 0:
        last = (pod.get("spec") or {}).get("restartPolicy") == "Never"
        return _ended_problem(pod, container, ended, patience=0 if last else _patience(container))
    return None


def _waiting_problem(pod: Object, container: Mapping[str, Any], waiting: Mapping[str, Any]) -> Problem | None:
    reason, said = str(waiting.get("reason") or ""), _short(waiting.get("message"))
    name, image = str(container.get("name")), str(container.get("image") or _image(pod, container))
    if reason in _IMAGE:
        hopeless = reason in ("InvalidImageName", "ErrImageNeverPull") or _HOPELESS.search(said)
        return Problem(
            f"image {image} cannot be pulled: {said or reason}", _image_fix(said, image), "image-pull",
            patience=10 if hopeless else 120,
        )  # fmt: skip
    if reason == "CreateContainerConfigError":
        return _config_problem(pod, said)
    if reason in ("CreateContainerError", "RunContainerError", "StartError"):
        return Problem(f"container {name} cannot start: {said}", _start_fix(said), "cannot-start", 30, name)
    if reason == "CrashLoopBackOff":
        ended = (container.get("lastState") or {}).get("terminated") or {}
        return _ended_problem(pod, container, ended, patience=_patience(container), before=True)
    return None


_IMAGE = frozenset({
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
    "RegistryUnavailable", "SignatureValidationFailed",
})  # fmt: skip
_HOPELESS = re.compile(
    r"not found|unauthorized|denied|no basic auth|manifest unknown|forbidden|no match for platform", re.I
)


def _image_fix(said: str, image: str) -> str:
    if re.search(r"unauthorized|denied|no basic auth|forbidden", said, re.I):
        return "give the namespace the registry's login: `kubectl create secret docker-registry …`, and name it in " \
               "`imagePullSecrets` of its service accounts"  # fmt: skip
    if "no match for platform" in said:
        return "build the image for the processors of the cluster's nodes too"
    if re.search(r"not found|manifest unknown|ErrImageNeverPull", said, re.I):
        return f"push it (`docker push {image}`), or name one that is there under `target.kubernetes.images`"
    return "see that the nodes reach the registry and that the image's name is right"


def _config_problem(pod: Object, said: str) -> Problem:
    if found := re.search(r"couldn't find key (?P<key>\S+) in Secret (?P<name>\S+)", said):
        name = found["name"].rpartition("/")[2]
        what = f"Secret {name} has no key {found['key']}"
        return Problem(what, f"add it: `kubectl edit secret {name}`", "missing-secret", 30)
    if found := re.search(r'secret "(?P<name>[^"]+)" not found', said):
        fix = f"`kubectl create secret generic {found['name']} --from-env-file=FILE` with a line NAME=value for each " \
              "secret of the spec"  # fmt: skip
        return Problem(f"there is no Secret {found['name']} in the namespace", fix, "missing-secret", 30)
    if "runAsNonRoot" in said:
        fix = "give the image a numeric USER that is not 0, as images by `modelyard build` have"
        return Problem(f"the image of pod {name_of(pod)} runs as root, which its pod may not", fix, "cannot-start", 10)
    return Problem(
        f"pod {name_of(pod)} cannot start: {said}", f"make what it names, then {_GOES_ON}", "cannot-start", 30
    )


def _start_fix(said: str) -> str:
    if "exec format error" in said:
        return "build the image for the processors of the cluster's nodes"
    if "no such file" in said or "executable file not found" in said:
        return "name an image that `modelyard build` made, or one with `python` and Modelyard in it"
    return f"mend what it names, then {_GOES_ON}"


def _patience(container: Mapping[str, Any]) -> float:
    """A server may well crash once or twice until what it needs is there."""
    return 0 if int(container.get("restartCount") or 0) >= _CRASHES else 60


def _ended_problem(
    pod: Object, container: Mapping[str, Any], ended: Mapping[str, Any], *, patience: float, before: bool = False
) -> Problem:
    name, code = str(container.get("name")), ended.get("exitCode")
    if ended.get("reason") == "OOMKilled":
        limit = _limit(pod, name)
        what = f"container {name} was killed for its memory{f' (its limit is {limit})' if limit else ''}"
        return Problem(what, "raise `resources.memory`, or make it need less", "out-of-memory", patience, name, before)
    again = int(container.get("restartCount") or 0)
    how = f"ended with exit code {code}" if code is not None else "ended"
    what = f"container {name} {how}{f', {again + 1} times' if again else ''}"
    return Problem(what, "its last lines tell why", "crashed", patience, name, before)


def _limit(pod: Object, container: str) -> str | None:
    found = _spec_of(pod, container).get("resources") or {}
    return (found.get("limits") or {}).get("memory")


def _image(pod: Object, container: Mapping[str, Any]) -> str:
    return str(_spec_of(pod, str(container.get("name"))).get("image") or "?")


def _spec_of(pod: Object, container: str) -> dict[str, Any]:
    spec = pod.get("spec") or {}
    known = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return next((one for one in known if one["name"] == container), {})


def _not_scheduled(status: Mapping[str, Any]) -> Problem | None:
    for condition in status.get("conditions") or ():
        if condition.get("type") != "PodScheduled" or condition.get("status") != "False":
            continue
        said = _short(condition.get("message"))
        if condition.get("reason") == "SchedulingGated":
            return Problem("it waits in its queue", "wait until the queue admits it, or raise its quota", "queued")
        if condition.get("reason") == "Unschedulable":
            return Problem(f"no node takes it: {said}", _schedule_fix(said), "unschedulable")
    return None


def _schedule_fix(said: str) -> str:
    if found := re.search(r"Insufficient ([\w./-]*\w)", said):
        return f"ask for less {found[1]} in its `resources`, add nodes that have it, or wait until some is free"
    if "PersistentVolumeClaim" in said or "persistentvolumeclaim" in said or "volume" in said:
        return "see that its PersistentVolumeClaim can be bound (`kubectl get pvc`): `target.kubernetes.store.class`"
    if "affinity" in said or "selector" in said:
        return "no node has the labels that its GPU type asks for: see `target.kubernetes.gpus` and `kubectl get nodes --show-labels`"  # noqa: E501
    if "taint" in said:
        return "its nodes are reserved: tolerate their taint under `target.kubernetes.gpus`, or use others"
    return "add nodes with room for it, or ask for less in its `resources`"


def event_problem(event: Object, namespace: str, cluster: str) -> Problem | None:
    """What a controller says of an object whose pods it cannot make, or whose volume it cannot bring."""
    said, reason = str(event.get("message") or ""), event.get("reason")
    about = event.get("involvedObject") or {}
    title = f"{about.get('kind')} {about.get('name')}"
    if reason == "FailedCreate":
        refused = refusal(
            403, {"message": said, "reason": "Forbidden"}, Asked("create pods for", title, namespace, cluster)
        )
        return Problem(refused.what, refused.fix or _GOES_ON, refused.code, patience=60)
    if reason in ("FailedMount", "FailedAttachVolume", "ProvisioningFailed", "FailedBinding"):
        fix = "see that what it names is there and may be mounted by this pod's node"
        return Problem(f"{title}: {_short(said)}", fix, "volume", patience=120)
    return None


def _short(said: Any) -> str:
    return on_one_line(str(said or ""), 300)
