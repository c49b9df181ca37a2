"""Listening to one attempt at a task: the logs of its leading pods, one after the other, and how the last one ended."""

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import GOES_ON
from modelyard.targets.kubernetes.kinds import POD, Object, name_of, selector_of
from modelyard.targets.kubernetes.names import ATTEMPT, RUN
from modelyard.targets.kubernetes.problems import Problem, pod_problem
from modelyard.targets.kubernetes.statuses import condition_of, exit_code_of, is_over, states_of
from modelyard.targets.kubernetes.task_watch import Key, Seen, TaskWatch
from modelyard.task import encode_event

_SIGNALS = frozenset(signal.Signals)
_LAST_WORD = 10.0  # seconds after the log's end for the kubelet to tell how the container ended
_EVICTIONS = 3


@dataclass
class TaskListener:
    """Writes to `writer` what the pods say. `closing` ends it; `asked`: we ended the task ourselves.

    `last` is what was seen last; `lost` says why nobody knows how the task ended, where that is so.
    """

    api: Api
    watch: TaskWatch
    key: Key
    writer: int
    last: Seen
    closing: threading.Event = field(default_factory=threading.Event)
    asked: bool = False
    lost: ModelyardError | None = None

    def listen(self) -> int:
        """To the end: the exit code as a process has it. Raises ModelyardError where the cluster tells no more."""
        told: set[str] = set()
        while True:
            # Pods and Jobs are watched apart: where the Job is known to be over, its pod may not be known yet.
            pod = self.watch.seen(self.key).next(told) or Seen(None, self._pods()).next(told)
            if pod is not None:
                told.add(pod["metadata"]["uid"])
                self._tell_log(pod)
            self._see_end(pod)
            if pod is not None and len(told) > _EVICTIONS:  # whatever stands in for it now
                self.last = Seen(self.last.job, [_same(pod, self.last.pods)])
                return self._how_it_ended()
            if not self._goes_on(pod, told):
                return self._how_it_ended()

    def problem(self) -> tuple[Problem, Object] | None:
        """What the cluster says of the pod that failed first, and the pod. One that was replaced does not count."""
        for pod in sorted(self.last.standing, key=_end_of):
            found = pod_problem(pod)
            if found and (found.code == "evicted" or not pod["metadata"].get("deletionTimestamp")):
                return found, pod
        return None

    @property
    def deadline_passed(self) -> bool:
        failed = condition_of(self.last.job, "Failed", "FailureTarget") if self.last.job else None
        return bool(failed and failed.get("reason") == "DeadlineExceeded")

    def _tell_log(self, pod: Object) -> None:
        container = pod["spec"]["containers"][0]["name"]
        for line in self.api.pod_log(name_of(pod), container=container, follow=True, stop=self.closing):
            _write(self.writer, line.encode() + b"\n")

    def _see_end(self, pod: Object | None) -> None:
        self.last = self.watch.wait(self.key, lambda seen: _has_ended(seen, pod), _LAST_WORD)
        if self.last.leader is None or exit_code_of(self.last.leader) is None:
            self.last = Seen(self.last.job, self._pods() or self.last.pods)

    def _goes_on(self, pod: Object | None, told: set[str]) -> bool:
        """Waits for the pod that stands in for one that was evicted. Who is evicted again and again asks too much."""
        found = pod_problem(_same(pod, self.last.pods)) if pod else None
        if self.asked or found is None or found.code != "evicted":
            return not self.asked and self.last.next(told) is not None
        text = f"{found.what}; another pod takes its place"
        _write(self.writer, f"{encode_event({'event': 'warning', 'text': text})}\n".encode())
        while not self.closing.is_set():
            seen = self.watch.wait(self.key, lambda seen: seen.over or seen.next(told) is not None, 1.0)
            if seen.over or seen.next(told):
                self.last = seen
                return seen.next(told) is not None
        return False

    def _pods(self) -> list[Object]:
        run, attempt = self.key
        return self.api.list(POD, selector_of({RUN: run, ATTEMPT: attempt}))

    def _how_it_ended(self) -> int:
        code = exit_code_of(self.last.leader) if self.last.leader else None
        if not self.asked and self.problem() is None and not self.deadline_passed:
            if self.last.job is None:
                self.lost = _lost("its Job was deleted while it ran")
            elif code is None:
                self.lost = _lost("its pod is gone, and nobody knows why")
        if code is None:
            return -signal.SIGKILL
        return 128 - code if code - 128 in _SIGNALS else code


def _lost(what: str) -> ModelyardError:
    return ModelyardError(what, fix=f"see who deletes it, {GOES_ON}", code="job-removed")


def _same(pod: Object, pods: Sequence[Object]) -> Object:
    """The pod as it is now."""
    return _among(pods, pod) or pod


def _among(pods: Sequence[Object], pod: Object) -> Object | None:
    return next((one for one in pods if one["metadata"]["uid"] == pod["metadata"]["uid"]), None)


def _has_ended(seen: Seen, pod: Object | None) -> bool:
    """Whether it is told how the pod ended, or will not be any more."""
    now = _among(seen.pods, pod) if pod else None
    if now is None:
        return seen.over or pod is not None
    return is_over(now) or exit_code_of(now) is not None


def _end_of(pod: Object) -> str:
    for _, state in states_of(pod):
        if ended := state.get("terminated"):
            return str(ended.get("finishedAt") or "")
    return "~"


def _write(fd: int, data: Any) -> None:
    while data:
        data = data[os.write(fd, data) :]
