"""A pod's status, as a kubelet writes it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
