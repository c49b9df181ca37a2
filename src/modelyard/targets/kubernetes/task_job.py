"""One attempt at a task in a cluster: its objects made, its log followed, its end told, and all of it taken away."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, JOB, Object, kind_of, name_of
from modelyard.targets.kubernetes.statuses import condition_of, is_over
from modelyard.targets.kubernetes.task_listener import TaskListener
from modelyard.targets.kubernetes.task_watch import Seen, TaskWatch, key_of

_GONE_WITHIN = 90.0


class TaskJob:
    """See `modelyard.targets.launched.Launched`: what the leading pod says is on `output`.

    `objects` are those of `manifests.task_objects`. `keeps`: a Job that ended by itself stays to be looked at.
    """

    def __init__(self, api: Api, watch: TaskWatch, objects: Sequence[Object], *, keeps: bool = True) -> None:
        self._api = api
        self._watch = watch
        self._objects = objects
        self._keeps = keeps
        self._ended = threading.Event()
        self._code: int | None = None
        self._listens = False
        self.job: Object = objects[-1]
        self.output, self._writer = os.pipe()
        self.listener = TaskListener(api, watch, key_of(self.job), self._writer, Seen(self.job))

    def make(self) -> None:
        """The Job first, then what it is told: a ConfigMap goes with the Job that owns it, whoever deletes that."""
        configmap, *others, job = self._objects
        for obj in others:
            self._create(obj)
        self.job = self._create(job)
        self._create(owned(configmap, self.job))
        self._watch.follow(self.job)

    def adopt(self, job: Object) -> None:
        """Take over the Job of a runner that was killed; it may not have come to making the ConfigMap."""
        self.job, self.listener.key = job, key_of(job)
        self._objects = [*(_as_of(obj, job) for obj in self._objects[:-1]), job]
        configmap = self._objects[0]
        if self._api.get(CONFIG_MAP, name_of(configmap)) is None:
            self._create(owned(configmap, job))
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
        return self._watch.wait(self.listener.key, lambda seen: seen.started, seconds)

    def listen(self) -> None:
        """Once it has started: its log comes on `output`, from its first line on."""
        self._listens = True
        threading.Thread(target=self._listen, daemon=True).start()

    def exit_code(self, wait: float) -> int | None:
        """As of a process: negative where a signal ended it."""
        return self._code if self._ended.wait(wait) else None

    def signal(self, signum: int) -> None:
        """Whichever it is: the Job is deleted, its pods are asked to end, and killed when their grace is over."""
        if not self.listener.asked:
            self.listener.asked = True
            with suppress(ModelyardError):  # who cannot be reached tells so where the end is waited for
                self._delete()

    def close(self) -> None:
        """Take it away, and wait until nothing of it runs. What is gone is no error.

        A Job that stays has its pods and their logs until its time to live is over, but not its ConfigMap: that this
        is gone tells that its end was heard.
        """
        key = self.listener.key
        self.listener.closing.set()
        try:
            self._delete(but_the_job=self._keeps and self._ends_by_itself())
            until = time.monotonic() + _GONE_WITHIN
            while self._watch.wait(key, lambda seen: not seen.runs, 1.0).runs and time.monotonic() < until:
                pass
        finally:
            self._watch.forget(key)
            os.close(self.output)
            if self._listens:
                self._ended.wait(5)
            else:
                os.close(self._writer)

    def _ends_by_itself(self) -> bool:
        """Its controller may come to say so later than the pod that decides it."""
        seen = self._watch.seen(self.listener.key)
        if self.listener.asked or seen.job is None or kind_of(seen.job) != JOB:
            return False
        leader = seen.leader
        decided = leader is not None and is_over(leader) and condition_of(leader, "DisruptionTarget") is None
        return decided or seen.over

    def _delete(self, *, but_the_job: bool = False) -> None:
        for obj in (*(() if but_the_job else (self.job,)), *reversed(self._objects[:-1])):
            self._api.delete(kind_of(obj), name_of(obj))

    def _listen(self) -> None:
        try:
            self._code = self.listener.listen()
        except ModelyardError as error:
            self.listener.lost, self._code = error, -signal.SIGKILL
        except OSError:
            self._code = -signal.SIGKILL  # nobody reads any more
        finally:
            os.close(self._writer)
            self._ended.set()


def _as_of(obj: Object, job: Object) -> Object:
    """Named as what another run, whose Job this is, made of the same."""
    return {**obj, "metadata": {**obj["metadata"], "name": name_of(job), "labels": job["metadata"]["labels"]}}


def owned(configmap: Object, job: Object) -> Object:
    """It goes with the Job, or with what stands in its place, whoever deletes that."""
    owner = {
        "apiVersion": job["apiVersion"], "kind": job["kind"], "name": name_of(job), "uid": job["metadata"]["uid"],
    }  # fmt: skip
    return {**configmap, "metadata": {**configmap["metadata"], "ownerReferences": [owner]}}
