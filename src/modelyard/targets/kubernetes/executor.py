"""Tasks as Jobs: one for each attempt, its log followed to its end, and nothing left behind.

A Job outlives whoever made it. The next executor finds it by its fingerprint and goes on with it where it is: a runner
that was killed costs no work.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from modelyard.errors import ModelyardError
from modelyard.graph.codec import node_from_json
from modelyard.graph.model import Node, Resources
from modelyard.targets.attempt import NOT_STARTED, Attempt, Watch, cannot_start, failed, outcome_of
from modelyard.targets.base import Capacity, OnEvent, Outcome
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.kinds import name_of
from modelyard.targets.kubernetes.leftovers import Leftovers
from modelyard.targets.kubernetes.manifests import study_objects, task_objects
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import takes_study
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.study_run import StudyRun
from modelyard.targets.kubernetes.task_endings import explained, kept_result
from modelyard.targets.kubernetes.task_job import TaskJob
from modelyard.targets.kubernetes.task_start import until_started
from modelyard.targets.kubernetes.task_watch import TaskWatch
from modelyard.targets.task_log import TaskLog
from modelyard.targets.twins import Twins
from modelyard.task import TaskDocument

ImageOf = Callable[[Node], str]
_MANY = 10_000
_TICK = 0.2
_LEAST = 60.0
"""Seconds that a study's gathering has, however long its trials took."""


class KubernetesExecutor:
    """`image_of` names a node's image; `grace` in seconds."""

    def __init__(self, api: Api, scope: Scope, cluster: Cluster, image_of: ImageOf, grace: float = 30.0) -> None:
        self._api = api
        self._scope = scope
        self._cluster = cluster
        self._image_of = image_of
        self._grace = grace
        self._twins = Twins()
        self._watch = TaskWatch(api, scope)
        self._leftovers = Leftovers(api, scope, cluster)
        self._own: dict[str, TaskJob | StudyRun] = {}
        self._slots = threading.Semaphore(cluster.parallelism or _MANY)

    def capacity(self) -> Capacity:
        """The cluster's scheduler knows better than anyone here what fits now."""
        return Capacity()

    def close(self) -> None:
        """End what still runs, and what an earlier executor left that nobody asked for again."""
        for job in list(self._own.values()):
            job.signal(15)
        with suppress(ModelyardError):  # a cluster that is gone is told of by the tasks that ran there
            self._leftovers.remove_unclaimed()
        if not self._own:
            self._watch.stop()

    def sweep(self) -> None:
        """Take away Jobs of tasks that are not ours: an apply left them that was killed."""
        self._leftovers.remove_all(set(self._own))

    def run(
        self,
        task: TaskDocument,
        resources: Resources,
        timeout: float | None,
        log: Path,
        on_event: OnEvent,
        cancel: threading.Event,
    ) -> Outcome:
        """See `modelyard.targets.base.Executor`. The timeout begins with the container: queues and pulls take long."""
        attempt = Attempt(task, timeout, log, on_event, cancel)
        return self._twins.once(task.workdir, lambda: self._tried(attempt, resources), cancel)

    def _tried(self, attempt: Attempt, resources: Resources) -> Outcome:
        while not self._slots.acquire(timeout=_TICK):
            if attempt.cancel.is_set():
                return NOT_STARTED
        try:
            return NOT_STARTED if attempt.cancel.is_set() else self._attempt(attempt, resources)
        except ModelyardError as error:
            return failed(error)
        except OSError as error:
            return cannot_start(error)
        finally:
            self._slots.release()

    def _attempt(self, attempt: Attempt, resources: Resources) -> Outcome:
        node = replace(node_from_json(attempt.task.node), resources=resources, timeout=attempt.timeout)
        return self._study(attempt, node) if takes_study(node, self._cluster) else self._work(attempt, node)

    def _study(self, attempt: Attempt, node: Node) -> Outcome:
        """Katib's trials, then a Job that gathers them. Where that one fails, the trials are there for the next."""
        begun = time.monotonic()
        objects = study_objects(attempt.task, node, self._scope, self._cluster, self._image_of(node))
        study = StudyRun(self._api, objects, attempt)
        self._leftovers.claim(node.address, attempt.task.fingerprint, study=True)
        self._own[study.name] = study
        kept = False
        try:
            study.make()
            ended = study.until_the_end()
            if ended is not None:
                return ended
            left = attempt.timeout and max(attempt.timeout - (time.monotonic() - begun), _LEAST)
            told = replace(attempt.task, study={"trials": study.trials()})
            outcome = self._work(replace(attempt, task=told, timeout=left), node)
            kept = outcome.status in ("failed", "out-of-memory")
            return outcome
        finally:
            if not kept:
                _take_away(study, attempt)
            del self._own[study.name]

    def _work(self, attempt: Attempt, node: Node) -> Outcome:
        image = self._image_of(node)
        objects = task_objects(attempt.task, node, self._scope, self._cluster, image)
        job = TaskJob(self._api, self._watch, objects, keeps=self._cluster.keep > 0)
        found = self._leftovers.claim(node.address, attempt.task.fingerprint)
        name = name_of(found or objects[-1])
        self._own[name] = job
        try:
            if found is None:
                job.make()
            else:
                attempt.on_event({"event": "note", "text": f"goes on with Job {name}, which an earlier apply began"})
                job.adopt(found)
            return self._watched(attempt, job)
        finally:
            _take_away(job, attempt)
            del self._own[name]

    def _watched(self, attempt: Attempt, job: TaskJob) -> Outcome:
        until_started(self._api, job, attempt)
        job.listen()
        with TaskLog(attempt.log, attempt.task.attempt) as log:
            watch = Watch(job, log, attempt.on_event, self._grace)
            code = watch.until_the_end(attempt.timeout, attempt.cancel)
        outcome = outcome_of(attempt, code, watch, log.tail())
        if outcome.status != "ok" and code == 0 and (result := kept_result(attempt.task)):
            return Outcome("ok", result, 0, tail=outcome.tail)  # its last word was lost on the way
        return explained(self._api, outcome, job.listener)


def _take_away(job: TaskJob | StudyRun, attempt: Attempt) -> None:
    """What came of the attempt stands, whether or not the cluster answers any more; the next executor tidies up."""
    try:
        job.close()
    except ModelyardError as error:
        attempt.on_event({"event": "warning", "text": f"it is left in the cluster: {error.what}"})
