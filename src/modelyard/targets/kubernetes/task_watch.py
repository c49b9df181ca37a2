"""What the cluster last told of tasks' Jobs and pods: one watch a kind, for any number of tasks at once.

A watch for each task would hold a connection each, and the API server's patience with clients is by connection.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.kinds import JOB, POD, Kind, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import ATTEMPT, COMPONENT, RUN, Scope
from modelyard.targets.kubernetes.statuses import born, condition_of, has_begun, is_over
from modelyard.targets.kubernetes.workers import INDEX

TASK = "task"
Key = tuple[str, str]
"""Run and attempt, as labels have them."""


def task_selector(scope: Scope) -> str:
    return f"{scope.selector},{COMPONENT}={TASK},{RUN}"


def key_of(obj: Object) -> Key:
    labels = obj["metadata"].get("labels") or {}
    return str(labels.get(RUN)), str(labels.get(ATTEMPT))


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one attempt: its Job (or an operator's kind in its place), None where that is gone, and its pods."""

    job: Object | None
    pods: Sequence[Object] = ()

    @property
    def leader(self) -> Object | None:
        """The pod that the task's end is that of: of several nodes the one of index 0, however late it is made.

        Of several that were made one after the other it is the one that still runs.
        """
        return max(self._leading, key=lambda pod: (not is_over(pod), born(pod)), default=None)

    def next(self, told: set[str]) -> Object | None:
        """The first whose log is to be told beside those of these uids."""
        begun = [pod for pod in self._leading if pod["metadata"]["uid"] not in told and has_begun(pod)]
        return min(begun, key=lambda pod: (born(pod), not is_over(pod)), default=None)

    @property
    def started(self) -> bool:
        """Whether there is, or will be, nothing more to wait for before its log is read."""
        return self.over or self.next(set()) is not None

    @property
    def standing(self) -> list[Object]:
        """Of each node the last pod that was made for it."""
        return [*([self.leader] if self.leader else []), *(pod for pod in self.pods if _index(pod) != 0)]

    @property
    def _leading(self) -> list[Object]:
        return [pod for pod in self.pods if _index(pod) == 0]

    @property
    def over(self) -> bool:
        return self.job is None or condition_of(self.job, "Complete", "Failed", "Succeeded") is not None

    @property
    def runs(self) -> bool:
        """Whether any pod of it may still do something."""
        return any(not is_over(pod) for pod in self.pods)


@dataclass
class TaskWatch:
    """Starts with the first `follow`, and again after `stop`."""

    api: Api
    scope: Scope
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _jobs: dict[Key, Object] = field(default_factory=dict)
    _pods: dict[Key, dict[str, Object]] = field(default_factory=dict)
    _done: set[Key] = field(default_factory=set)
    _failed: ModelyardError | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: dict[Kind, threading.Thread] = field(default_factory=dict)

    def follow(self, job: Object) -> None:
        """Look at what becomes of a Job that was just made, or found."""
        with self._changed:
            if self._failed is not None or self._stopping.is_set():
                self._failed, self._stopping = None, threading.Event()
                self._threads.clear()
            self._jobs[key_of(job)] = job
            self._done.discard(key_of(job))
            for kind in dict.fromkeys((JOB, POD, kind_of(job))):
                if kind not in self._threads:
                    watching = threading.Thread(target=self._watch, args=(kind, self._stopping), daemon=True)
                    self._threads[kind] = watching
                    watching.start()

    def forget(self, key: Key) -> None:
        with self._changed:
            self._jobs.pop(key, None)
            self._pods.pop(key, None)
            self._done.add(key)

    def stop(self) -> None:
        self._stopping.set()

    def seen(self, key: Key) -> Seen:
        with self._changed:
            return Seen(self._jobs.get(key), tuple(self._pods.get(key, {}).values()))

    def wait(self, key: Key, holds: Callable[[Seen], bool], seconds: float) -> Seen:
        """As it is once `holds`, or after `seconds`. Raises ModelyardError where the cluster tells no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._failed is not None or holds(self.seen(key)), seconds)
            if self._failed is not None:
                raise self._failed
            return self.seen(key)

    def _watch(self, kind: Kind, stopping: threading.Event) -> None:
        try:
            for event in self.api.watch(kind, task_selector(self.scope), stop=stopping):
                if event.type != "TICK":
                    self._take(kind, event.type, event.object)
        except ModelyardError as error:
            with self._changed:
                if not stopping.is_set():
                    self._failed = error
                    stopping.set()
                self._changed.notify_all()

    def _take(self, kind: Kind, event: str, obj: Object) -> None:
        key = key_of(obj)
        with self._changed:
            if key in self._done:  # its pods are told to be gone after it was forgotten
                return
            if kind == POD:
                pods = self._pods.setdefault(key, {})
                # One that is gone is remembered as it ended: who waits may look only now.
                if event != "DELETED" or is_over(obj):
                    pods[obj["metadata"]["uid"]] = obj
                else:
                    pods.pop(obj["metadata"]["uid"], None)
            elif key in self._jobs and name_of(self._jobs[key]) == name_of(obj):
                if event == "DELETED":
                    del self._jobs[key]
                else:
                    self._jobs[key] = obj
            self._changed.notify_all()


def _index(pod: Object) -> int:
    meta = pod["metadata"]
    return int((meta.get("annotations") or {}).get(INDEX) or (meta.get("labels") or {}).get(INDEX) or 0)
