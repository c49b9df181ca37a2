"""One attempt at a task in a cluster: its objects made, its log followed, its end told, and all of it taken away."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import GOES_ON, Refusal
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, POD, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import ATTEMPT, RUN
from modelyard.targets.kubernetes.problems import Problem, pod_problem
from modelyard.targets.kubernetes.task_watch import Seen, TaskWatch, condition_of, exit_code_of, is_over, key_of
from modelyard.task import encode_event

_SIGNALS = frozenset(signal.Signals)
_LAST_WORD = 10.0  # seconds after the log's end for the kubelet to tell how the container ended
_GONE_WITHIN = 90.0
_EVICTIONS = 3


class TaskJob:
    """See `modelyard.targets.launched.Launched`: what the leading pod says is on `output`.

    `objects` are those of `manifests.task_objects`. `lost` says why nobody knows how it ended, where that is so.
    """

    def __init__(self, api: Api, watch: TaskWatch, objects: Sequence[Object]) -> None:
        self._api = api
        self._watch = watch
        self._objects = objects
        self._ended = threading.Event()
        self._closing = threading.Event()
        self._code: int | None = None
        self._asked = False
        self.lost: ModelyardError | None = None
        self.job: Object = objects[-1]
        self.key = key_of(self.job)
        self.last = Seen(self.job)
        self.output, self._writer = os.pipe()

    def make(self) -> None:
        """The Job first, then what it is told: a ConfigMap goes with the Job that owns it, whoever deletes that."""
        configmap, *others, job = self._objects
        for obj in others:
            self._create(obj)
        self.job = self._create(job)
        self._create(_owned(configmap, self.job))
        self._watch.follow(self.job)

    def adopt(self, job: Object) -> None:
        """Take over the Job of a runner that was killed; it may not have come to making the ConfigMap."""
        self.job, self.key = job, key_of(job)
        configmap = self._objects[0]
        for obj in (configmap, *self._objects[1:-1]):
            named = {**obj, "metadata": {**obj["metadata"], "name": name_of(job), "labels": job["metadata"]["labels"]}}
            if kind_of(obj) == CONFIG_MAP and self._api.get(CONFIG_MAP, name_of(job)) is None:
                self._create(_owned(named, job))
        self._objects = [{**configmap, "metadata": {**configmap["metadata"], "name": name_of(job)}}, job]
        self._watch.follow(job)

    def _create(self, obj: Object) -> Object:
        try:
            return self._api.create(obj)
        except Refusal as error:
            found = self._api.get(kind_of(obj), name_of(obj)) if error.code == "already-exists" else None
            if found is None or found["metadata"].get("annotations") != obj["metadata"].get("annotations"):
                raise
            return found

    def wait(self, seconds: float) -> Seen:
        """For its start."""
        self.last = self._watch.wait(self.key, lambda seen: seen.started, seconds)
        return self.last

    def listen(self) -> None:
        """Once it has started: its log comes on `output`, from its first line on."""
        threading.Thread(target=self._listen, daemon=True).start()

    def exit_code(self, wait: float) -> int | None:
        """As of a process: negative where a signal ended it."""
        return self._code if self._ended.wait(wait) else None

    def signal(self, signum: int) -> None:
        """Whichever it is: the Job is deleted, its pods are asked to end, and killed when their grace is over."""
        if not self._asked:
            self._asked = True
            with suppress(ModelyardError):  # whoever cannot be reached is lost below
                self._delete()

    def problem(self) -> tuple[Problem, Object] | None:
        """What the cluster says of the pod that failed first, and the pod."""
        for pod in sorted(self.last.pods, key=_end_of):
            if (found := pod_problem(pod)) and (
                not pod["metadata"].get("deletionTimestamp") or found.code == "evicted"
            ):
                return found, pod
        return None

    @property
    def deadline_passed(self) -> bool:
        failed = condition_of(self.last.job, "Failed", "FailureTarget") if self.last.job else None
        return bool(failed and failed.get("reason") == "DeadlineExceeded")

    def close(self) -> None:
        """Take it all away, and wait until nothing of it runs. What is gone is no error."""
        self._closing.set()
        try:
            self._delete()
            until = time.monotonic() + _GONE_WITHIN
            while self._watch.wait(self.key, lambda seen: not seen.runs, 1.0).runs and time.monotonic() < until:
                pass
        finally:
            self._watch.forget(self.key)
            os.close(self.output)
            if not self._ended.is_set() and self._writer >= 0:
                self._ended.wait(5)

    def _delete(self) -> None:
        for obj in (self.job, *reversed(self._objects[:-1])):
            self._api.delete(kind_of(obj), name_of(obj))

    def _listen(self) -> None:
        try:
            self._code = self._read()
        except ModelyardError as error:
            self.lost, self._code = error, -signal.SIGKILL
        except OSError:
            self._code = -signal.SIGKILL  # nobody listens any more
        finally:
            os.close(self._writer)
            self._ended.set()

    def _read(self) -> int:
        """Of one pod after the other: where one was taken off its node, the Job makes another, which goes on."""
        told: set[str] = set()
        while True:
            # Pods and Jobs are watched apart: where the Job is known to be over, its pod may not be known yet.
            pod = self._watch.seen(self.key).leader or Seen(None, self._pods()).leader
            if pod is not None:
                told.add(pod["metadata"]["uid"])
                self._tell_log(pod)
            self.last = self._watch.wait(self.key, _has_ended, _LAST_WORD)
            if self.last.leader is None or exit_code_of(self.last.leader) is None:
                self.last = Seen(self.last.job, self._pods() or self.last.pods)
            if not self._is_replaced(told):
                return self._how_it_ended(self.last)

    def _tell_log(self, pod: Object) -> None:
        container = pod["spec"]["containers"][0]["name"]
        for line in self._api.pod_log(name_of(pod), container=container, follow=True, stop=self._closing):
            _write(self._writer, line.encode() + b"\n")

    def _is_replaced(self, told: set[str]) -> bool:
        """Waits for the pod that stands in for one that was evicted. Who is evicted again and again asks too much."""
        found = self.problem()
        if self._asked or found is None or found[0].code != "evicted" or self.last.over or len(told) > _EVICTIONS:
            return False
        text = f"{found[0].what}; another pod takes its place"
        _write(self._writer, f"{encode_event({'event': 'warning', 'text': text})}\n".encode())
        while not self._closing.is_set():
            seen = self._watch.wait(self.key, lambda seen: seen.has_other(told), 1.0)
            if seen.has_other(told):
                return seen.leader is not None and seen.leader["metadata"]["uid"] not in told
        return False

    def _pods(self) -> list[Object]:
        run, attempt = self.key
        return self._api.list(POD, f"{RUN}={run},{ATTEMPT}={attempt}")

    def _how_it_ended(self, seen: Seen) -> int:
        code = exit_code_of(seen.leader) if seen.leader else None
        if not self._asked and self.problem() is None and not self.deadline_passed:
            if seen.job is None:
                self.lost = _lost("its Job was deleted while it ran")
            elif code is None:
                self.lost = _lost("its pod is gone, and nobody knows why")
        if code is None:
            return -signal.SIGKILL
        return 128 - code if code - 128 in _SIGNALS else code


def _lost(what: str) -> ModelyardError:
    return ModelyardError(what, fix=f"see who deletes it, {GOES_ON}", code="job-removed")


def _has_ended(seen: Seen) -> bool:
    return seen.over or seen.leader is None or is_over(seen.leader) or exit_code_of(seen.leader) is not None


def _owned(configmap: Object, job: Object) -> Object:
    owner = {
        "apiVersion": job["apiVersion"], "kind": job["kind"], "name": name_of(job), "uid": job["metadata"]["uid"],
    }  # fmt: skip
    return {**configmap, "metadata": {**configmap["metadata"], "ownerReferences": [owner]}}


def _end_of(pod: Object) -> str:
    for one in (pod.get("status") or {}).get("containerStatuses") or ():
        if ended := (one.get("state") or {}).get("terminated"):
            return str(ended.get("finishedAt") or "")
    return "~"


def _write(fd: int, data: Any) -> None:
    while data:
        data = data[os.write(fd, data) :]
