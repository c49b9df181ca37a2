"""A watch that does not end before its reader wants it to: broken streams, expired versions and restarts are mended.

API servers close watches after minutes as a rule, forget old versions (410), and drop what a slow reader missed. After
a relist the reader is told of what is there now, and of what went away unseen.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from modelyard.targets.kubernetes.api_errors import Asked, Refusal
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.refusing import refusal
from modelyard.targets.kubernetes.requesting import Requester
from modelyard.targets.kubernetes.streaming import lines_of

_SERVER_ENDS_AFTER = 300
_MENDED = frozenset({410, 429, 500, 503, 504})
"""Told in the middle of a watch: its version is forgotten or not there yet, or the server is busy. List anew."""


@dataclass(frozen=True, slots=True)
class Event:
    """`TICK`: nothing happened for a while; its object is empty."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "TICK"]
    object: Object


@dataclass
class Watch:
    requester: Requester
    path: str
    selector: Mapping[str, str]
    asked: Asked
    stop: threading.Event | None = None
    tick: float = 1.0
    version: str | None = None
    _known: dict[str, Object] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        failures = 0
        while not self._stopped():
            try:
                if self.version is None:
                    yield from self._relist()
                for event in self._stream():
                    failures = 0
                    yield event
            except Refusal as error:
                if error.status not in _MENDED:
                    raise
                self.version = None
                failures += 1
            except OSError:
                failures += 1
            # A stream that ends at once, again and again, must not become a storm of requests.
            self.requester.sleep(min(0.05 * 2 ** min(failures, 6), 2.0))

    def _relist(self) -> Iterator[Event]:
        listed = self.requester.send("GET", self.path, self.asked, self.selector)
        before, self._known = self._known, {}
        for item in listed.get("items") or ():
            uid = item["metadata"].get("uid", item["metadata"]["name"])
            self._known[uid] = item
            yield Event("MODIFIED" if uid in before else "ADDED", item)
        for uid in before.keys() - self._known.keys():
            yield Event("DELETED", before[uid])
        self.version = listed["metadata"]["resourceVersion"]

    def _stream(self) -> Iterator[Event]:
        query = {
            **self.selector, "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": self.version,
            "timeoutSeconds": _SERVER_ENDS_AFTER,
        }  # fmt: skip
        response = self.requester.stream(self.path, self.asked, query)
        told = time.monotonic()
        for line in lines_of(response, self.stop, self.tick):
            if line is None:
                told = time.monotonic()
                yield Event("TICK", {})
                continue
            if event := self._read(line):
                yield event
            elif time.monotonic() - told > self.tick:
                told = time.monotonic()
                yield Event("TICK", {})

    def _read(self, line: bytes) -> Event | None:
        try:
            said = json.loads(line)
        except ValueError as error:
            raise OSError("a watch was cut within a line") from error
        found: Object = said["object"]
        if said["type"] == "ERROR":
            raise refusal(int(found.get("code") or 500), found, self.asked)
        self.version = found["metadata"]["resourceVersion"]
        if said["type"] == "BOOKMARK":
            return None
        uid = found["metadata"].get("uid", found["metadata"]["name"])
        if said["type"] == "DELETED":
            self._known.pop(uid, None)
        else:
            self._known[uid] = found
        return Event(said["type"], found)

    def _stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()
