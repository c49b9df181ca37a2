"""A container's log: whole, its end, or followed; a follow that breaks is taken up again, and no line comes twice.

Lines are asked for with their times, which tell where to go on: a kubelet that restarts, a log that is rotated and an
API server that ends long requests all break a stream, and none of them is the end of the container.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from modelyard.targets.kubernetes.api_errors import Asked, Refusal
from modelyard.targets.kubernetes.requesting import Requester
from modelyard.targets.kubernetes.streaming import lines_of


@dataclass
class PodLog:
    requester: Requester
    path: str
    asked: Asked
    container: str | None = None
    stop: threading.Event | None = None
    _last: str = ""
    _at_last: int = 0

    def lines(self, tail: int, *, previous: bool = False) -> Iterator[str]:
        """What is there. A log that cannot be read (the container has not begun, the pod is gone) is empty."""
        try:
            yield from self._read(tail, follow=False, previous=previous)
        except Refusal as error:
            if error.status not in (400, 404):
                raise

    def follow(self, tail: int, still_runs: Callable[[], bool]) -> Iterator[str]:
        """Until the container has ended and all that it wrote is told, or `stop`."""
        failures, runs = 0, True
        while not (self.stop and self.stop.is_set()):
            # Asked before the log is read: what it wrote before it ended is in what is read then.
            runs = still_runs()
            try:
                for line in self._read(0 if self._last else tail, follow=True):
                    failures = 0
                    yield line
                if not runs:
                    return
            except Refusal as error:
                if error.status not in (400, 404):
                    raise
                if not runs:
                    return
            except OSError:
                runs = True
            failures += 1
            self.requester.sleep(min(0.1 * 2 ** min(failures, 5), 2.0))

    def _read(self, tail: int, *, follow: bool, previous: bool = False) -> Iterator[str]:
        query: dict[str, Any] = {"timestamps": "true"}
        if self._last:
            query["sinceTime"] = self._last
        if self.container:
            query["container"] = self.container
        if follow:
            query["follow"] = "true"
        if previous:
            query["previous"] = "true"
        if tail:
            query["tailLines"] = tail
        response = self.requester.stream(self.path, self.asked, query)
        told, told_then = self._last, self._at_last
        for line in lines_of(response, self.stop, tick=1.0):
            if line is None:
                continue
            time, _, text = line.decode(errors="replace").partition(" ")
            if told and (order := _order(time)) <= _order(told):
                if order < _order(told):
                    continue
                if told_then:  # as many of that very time as were told before the break
                    told_then -= 1
                    continue
            else:
                told = ""
            self._at_last = self._at_last + 1 if time == self._last else 1
            self._last = time
            yield text.rstrip("\r")


def _order(time: str) -> str:
    """An RFC 3339 time in UTC, as text that sorts: its nanoseconds come without the zeros at their end."""
    whole, _, rest = time.removesuffix("Z").partition(".")
    return f"{whole}.{rest:0<9}"
