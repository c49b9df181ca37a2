"""A pod's status, as a kubelet writes it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cluster.clock import now

if TYPE_CHECKING:
    from cluster.objects import Objects

Object = dict[str, Any]


def condition(kind: str, holds: bool, reason: str = "", message: str = "") -> Object:
    found: Object = {"type": kind, "status": "True" if holds else "False", "lastTransitionTime": now()}
    return found | {key: value for key, value in (("reason", reason), ("message", message)) if value}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def running(since: str) -> Object:
    return {"running": {"startedAt": since}}


def terminated(code: int, began: str, ended: str, oom: bool) -> Object:
    reason = "OOMKilled" if oom else "Completed" if code == 0 else "Error"
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": ended or now()}}


def container_status(container: Mapping[str, Any], state: Object, ready: bool = False, restarts: int = 0) -> Object:
    return {
        "name": container["name"], "image": container["image"], "imageID": container["image"], "state": state,
        "lastState": {}, "ready": ready, "restartCount": restarts, "started": "running" in state,
    }  # fmt: skip


class PodReport:
    """What a kubelet tells of one pod; a condition keeps the time at which it came to hold."""

    def __init__(self, objects: "Objects", key: tuple[str, str]) -> None:
        self._objects = objects
        self._key = key

    def tell(self, phase: str, statuses: list[Object], ready: bool = False, address: str = "") -> None:
        found: Object = {
            "phase": phase, "containerStatuses": statuses,
            "conditions": [
                condition("PodScheduled", True), condition("Initialized", True),
                condition("ContainersReady", ready), condition("Ready", ready),
            ],
        }  # fmt: skip
        if address:
            found |= {"podIP": address, "podIPs": [{"ip": address}]}
        self.write(found)

    def write(self, status: Object) -> None:
        before = self._objects.get("Pod", *self._key).get("status") or {}
        status.setdefault("startTime", before.get("startTime") or now())
        mine = {one["type"] for one in status["conditions"]}
        since = {(one["type"], one["status"]): one["lastTransitionTime"] for one in before.get("conditions") or ()}
        for one in status["conditions"]:
            one["lastTransitionTime"] = since.get((one["type"], one["status"]), one["lastTransitionTime"])
        status["conditions"] += [one for one in before.get("conditions") or () if one["type"] not in mine]
        self._objects.set_status("Pod", *self._key, status)
