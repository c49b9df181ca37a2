"""From a task's Job to its first line: nodes, queues and images take their time, and whoever waits is told why."""

import time
from contextlib import suppress

from modelyard.errors import ModelyardError
from modelyard.targets.attempt import Attempt
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.explaining import trouble_of
from modelyard.targets.kubernetes.problems import Problem, pod_problem
from modelyard.targets.kubernetes.task_job import TaskJob
from modelyard.targets.kubernetes.task_watch import Seen

_TICK = 0.2
_LOOK_CLOSER = 3.0


def until_started(api: Api, job: TaskJob, attempt: Attempt) -> None:
    """Raises ModelyardError: `cancelled`, or the problem that no waiting will mend."""
    problem: Problem | None = None
    since = looked = time.monotonic()
    while not (seen := job.wait(_TICK)).started:
        if attempt.cancel.is_set():
            raise ModelyardError("cancelled before it started", code="cancelled")
        now = time.monotonic()
        found = _problem(seen)
        if found is None and not seen.pods and now - looked > _LOOK_CLOSER:
            looked = now
            found = _of_the_job(api, job)
        elif found is None and not seen.pods:
            found = problem
        if (found.code if found else None) != (problem.code if problem else None):
            since = now
        if found and (problem is None or found.what != problem.what):
            attempt.on_event({"event": "note", "text": f"waits: {found.what}"})
        problem = found
        if problem and now - since >= problem.patience:
            raise ModelyardError(problem.what, fix=problem.fix, code=problem.code)


def _problem(seen: Seen) -> Problem | None:
    return next((found for pod in seen.pods if (found := pod_problem(pod))), None)


def _of_the_job(api: Api, job: TaskJob) -> Problem | None:
    """Why it has no pod: a quota, an admission rule. Who may not read events waits without knowing."""
    with suppress(ModelyardError):
        if trouble := trouble_of(api, job.job):
            return trouble.problem
    return None
