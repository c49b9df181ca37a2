"""Answers that go on: watches, and logs that are followed. Each yields chunks until it ends or is broken."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.faults import Faults
from cluster.refusals import Refusal
from cluster.resources import Resource
from cluster.selectors import Match
from cluster.storage import Storage

_TICK = 0.2
_BOOKMARK = 1.0
Query = Mapping[str, str]


def watch(
    storage: Storage, faults: Faults, resource: Resource, namespace: str, match: Match, query: Query
) -> Iterator[bytes]:
    """Raises 410 (before the first chunk) where the version asked for is no longer kept."""
    version = int(query.get("resourceVersion") or 0)
    found, now = storage.listed(resource, namespace)
    if version:
        storage.events_since(version, resource, 0.0)
    return _watched(storage, faults, resource, namespace, match, query, [] if version else found, version or now)


def _watched(
    storage: Storage, faults: Faults, resource: Resource, namespace: str, match: Match, query: Query,
    found: list[dict[str, Any]], version: int,
) -> Iterator[bytes]:  # fmt: skip
    def line(kind: str, obj: Mapping[str, Any]) -> bytes:
        typed = {"apiVersion": resource.api_version, "kind": resource.kind} if kind != "ERROR" else {}
        return json.dumps({"type": kind, "object": {**obj, **typed}}).encode() + b"\n"

    began, breaks, told = time.monotonic(), faults.breaks, time.monotonic()
    limit = float(query.get("timeoutSeconds") or 3600)
    for obj in found:
        if match(obj):
            yield line("ADDED", obj)
    while time.monotonic() - began < limit:
        try:
            events, version = storage.events_since(version, resource, _TICK)
        except Refusal as refusal:
            yield line("ERROR", refusal.status())
            return
        if faults.breaks != breaks:
            raise ConnectionAbortedError
        for event in events:
            if namespace and event.obj["metadata"].get("namespace") != namespace:
                continue
            kind = event.kind
            meets, met = match(event.obj), event.before is not None and match(event.before)
            if kind == "MODIFIED" and meets != met:
                kind = "ADDED" if meets else "DELETED"
            if meets or met:
                yield line(kind, event.obj)
        if not events:
            yield b""  # so that a client that is gone is noticed
        if query.get("allowWatchBookmarks") in ("true", "True") and time.monotonic() - told > _BOOKMARK:
            told = time.monotonic()
            yield line("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


class Logs:
    """Of containers, as a kubelet keeps them: each line begins with its time."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str, str], Path] = {}
        """By namespace, pod's uid and container."""

    def read(
        self, faults: Faults, storage: Storage, pods: Resource, pod: Mapping[str, Any], query: Query
    ) -> Iterator[bytes]:
        meta = pod["metadata"]
        names = [one["name"] for one in pod["spec"]["containers"]]
        container = query.get("container") or names[0]
        if len(names) > 1 and not query.get("container"):
            raise Refusal(400, f"a container name must be specified for pod {meta['name']}, choose one of: {names}")
        file = self.files.get((meta["namespace"], meta["uid"], container))
        if file is None or not file.exists():
            waiting = _waiting(pod, container)
            raise Refusal(400, f'container "{container}" in pod "{meta["name"]}" is waiting to start: {waiting}')
        return self._lines(faults, storage, pods, pod, file, container, query)

    def _lines(
        self, faults: Faults, storage: Storage, pods: Resource, pod: Mapping[str, Any], file: Path, container: str,
        query: Query,
    ) -> Iterator[bytes]:  # fmt: skip
        since = _since(query)
        breaks = faults.breaks
        timed = query.get("timestamps") in ("true", "True")
        follow = query.get("follow") in ("true", "True")
        with file.open("rb") as stream:
            if query.get("tailLines"):
                _seek_last(stream, int(query["tailLines"]))
            while True:
                ended = not follow or not _runs(storage, pods, pod, container)
                block: list[bytes] = []
                while line := stream.readline():
                    if not line.endswith(b"\n"):
                        stream.seek(-len(line), 1)
                        break
                    stamp, _, text = line.partition(b" ")
                    if stamp.decode() >= since:
                        block.append(line if timed else text)
                    if len(block) >= 1000:
                        yield b"".join(block)
                        block = []
                if faults.breaks != breaks:
                    raise ConnectionAbortedError
                yield b"".join(block)
                if ended:
                    return
                time.sleep(0.05)


def _seek_last(stream: Any, count: int) -> None:
    lines = stream.readlines()[-count:]
    stream.seek(-sum(map(len, lines)), 2)


def _since(query: Query) -> str:
    if at := query.get("sinceTime"):
        moment = datetime.fromisoformat(at.replace("Z", "+00:00"))
    elif seconds := query.get("sinceSeconds"):
        moment = datetime.fromtimestamp(time.time() - float(seconds)).astimezone()
    else:
        return ""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def _waiting(pod: Mapping[str, Any], container: str) -> str:
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status["name"] == container and "waiting" in status.get("state", {}):
            return str(status["state"]["waiting"].get("reason", "ContainerCreating"))
    return "ContainerCreating"


def _runs(storage: Storage, pods: Resource, pod: Mapping[str, Any], container: str) -> bool:
    meta = pod["metadata"]
    try:
        now = storage.get(pods, meta["namespace"], meta["name"])
    except Refusal:
        return False
    if now["metadata"]["uid"] != meta["uid"] or now["status"].get("phase") in ("Succeeded", "Failed"):
        return False
    states = {one["name"]: one.get("state", {}) for one in now["status"].get("containerStatuses") or ()}
    return "terminated" not in states.get(container, {})
