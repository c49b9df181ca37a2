"""What a Job's rules say of its pods."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
INDEX = "batch.kubernetes.io/job-completion-index"


def ending_of(job: Object) -> Object | None:
    for one in (job.get("status") or {}).get("conditions") or ():
        if one["type"] in ("Complete", "Failed") and one["status"] == "True":
            return dict(one)
    return None


def meets(rule: Mapping[str, Any], pod: Object) -> bool:
    status = pod.get("status") or {}
    for wanted in rule.get("onPodConditions") or ():
        if any(
            c["type"] == wanted["type"] and c["status"] == wanted.get("status", "True")
            for c in status.get("conditions") or ()
        ):
            return True
    codes = rule.get("onExitCodes")
    if not codes:
        return False
    for one in status.get("containerStatuses") or ():
        code = (one["state"].get("terminated") or {}).get("exitCode", 0)
        if (
            code
            and codes.get("containerName") in (None, one["name"])
            and (code in codes["values"]) == (codes["operator"] == "In")
        ):
            return True
    return False


def indexes_of(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def index_of(pod: Object) -> int:
    return int((pod["metadata"].get("annotations") or {}).get(INDEX, -1))


def phase_of(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def seconds_since(text: str) -> float:
    return time.time() - datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).timestamp()
