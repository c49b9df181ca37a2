"""A run in the cluster, followed from outside: its pods' logs, one after the other, until its Job has ended."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from modelyard.apply.event_lines import EventReader
from modelyard.apply.events import ApplyFinished, NodeEvent, OnApplyEvent
from modelyard.apply.report import ApplyReport
from modelyard.apply.task_logs import words_of
from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.kinds import JOB, POD, Object, name_of
from modelyard.targets.kubernetes.names import COMPONENT, Scope
from modelyard.targets.kubernetes.obstacles import Obstacles
from modelyard.targets.kubernetes.statuses import born, condition_of, has_begun, is_over
from modelyard.task import EVENT_PREFIX

RUNNER = "runner"
_TICK = 0.5
_TAIL = 15


@dataclass(frozen=True)
class RunPlace:
    """One run of one environment. `job` is its Job's name."""

    api: Api
    scope: Scope
    job: str

    @property
    def run_id(self) -> str:
        return self.job.removeprefix(f"{self.scope.instance}-run-")

    def pods(self) -> list[Object]:
        """The oldest first: those that were killed, then the one that works."""
        pods = self.api.list(POD, f"{self.scope.selector},{COMPONENT}={RUNNER},batch.kubernetes.io/job-name={self.job}")
        return sorted(pods, key=lambda pod: (born(pod), not is_over(pod)))


def latest_run(api: Api, scope: Scope) -> RunPlace | None:
    """The one that was begun last, by an apply or by the schedule; it may have ended."""
    jobs = api.list(JOB, f"{scope.selector},{COMPONENT}={RUNNER}")
    last = max(jobs, key=lambda job: str(job["metadata"]["creationTimestamp"]), default=None)
    return RunPlace(api, scope, name_of(last)) if last else None


def is_under_way(place: RunPlace) -> bool:
    job = place.api.get(JOB, place.job)
    return job is not None and condition_of(job, "Complete", "Failed") is None


def follow_run(place: RunPlace, on_event: OnApplyEvent, stop: threading.Event) -> ApplyReport | None:
    """Its report, or None once `stop` is set. Raises ModelyardError for a run that does not begin, or breaks off."""
    follower = _Follower(place, on_event, stop)
    while not stop.is_set():
        pod = follower.next_pod()
        if pod is not None and (report := follower.read(pod)):
            return report
    return None


class _Follower:
    def __init__(self, place: RunPlace, on_event: OnApplyEvent, stop: threading.Event) -> None:
        self._place = place
        self._on_event = on_event
        self._stop = stop
        self._seen: list[str] = []
        self._tail: list[str] = []

    def next_pod(self) -> Object | None:
        """The next pod whose container has begun; None for `stop`. Raises ModelyardError where none will come."""
        obstacles = Obstacles(self._place.api)
        while not self._stop.is_set():
            job = self._place.api.get(JOB, self._place.job)
            fresh = [pod for pod in self._place.pods() if name_of(pod) not in self._seen]
            begun = next((pod for pod in fresh if has_begun(pod)), None)
            if begun is not None:
                if self._seen:
                    self._warn(f"pod {self._seen[-1]} ended before the run did; {name_of(begun)} goes on with it")
                self._seen.append(name_of(begun))
                return begun
            if job is None:
                raise _over(self._place, "it was deleted", self._tail)
            if ended := condition_of(job, "Failed", "Complete"):
                raise _over(self._place, str(ended.get("message") or ended.get("reason") or "it failed"), self._tail)
            text = obstacles.look(job, fresh)
            if problem := obstacles.lasting:
                raise ModelyardError(f"the run does not begin: {problem.what}", fix=problem.fix, code=problem.code)
            if text:
                self._warn(text)
            self._stop.wait(_TICK)
        return None

    def read(self, pod: Object) -> ApplyReport | None:
        """Tell what it tells; its report if it came to that."""
        reader, report = EventReader(), None
        container = pod["spec"]["containers"][0]["name"]
        for line in self._place.api.pod_log(name_of(pod), container=container, follow=True, stop=self._stop):
            event = reader.read(line)
            if event is None:
                if not line.startswith(EVENT_PREFIX):
                    self._tail = [*self._tail[1 - _TAIL :], line]
                continue
            if isinstance(event, ApplyFinished):
                report = event.report
            self._on_event(event)
        return report

    def _warn(self, text: str) -> None:
        self._on_event(NodeEvent("run", {"event": "warning", "text": text}))


def run_lines(place: RunPlace, number: int, follow: bool) -> Iterator[str]:
    """What the run says to people: the last `number` lines (0: all), and with `follow` those to come."""
    pods = place.pods()
    if not pods:
        raise ModelyardError(f"Job {place.job} has no pod whose log is kept", fix="`modelyard apply` starts a run")
    return words_of(place.api, pods[-1], number, follow)


def _over(place: RunPlace, why: str, tail: list[str]) -> ModelyardError:
    return ModelyardError(
        f"the run {place.run_id} broke off: {why}", code="run-failed", details=tail,
        fix="`modelyard apply` goes on from what is recorded",
    )  # fmt: skip
