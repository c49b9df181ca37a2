"""From a task's Job to its first line: nodes, queues and images take their time, and whoever waits is told why."""

from modelyard.errors import ModelyardError
from modelyard.targets.attempt import Attempt
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.obstacles import Obstacles
from modelyard.targets.kubernetes.task_job import TaskJob

_TICK = 0.2


def until_started(api: Api, job: TaskJob, attempt: Attempt) -> None:
    """Raises ModelyardError: `cancelled`, or the problem that no waiting will mend."""
    obstacles = Obstacles(api)
    while not (seen := job.wait(_TICK)).started:
        if attempt.cancel.is_set():
            raise ModelyardError("cancelled before it started", code="cancelled")
        if text := obstacles.look(job.job, seen.pods):
            attempt.on_event({"event": "note", "text": text})
        if problem := obstacles.lasting:
            raise ModelyardError(problem.what, fix=problem.fix, code=problem.code)
