"""Why what was made does not begin, and for how long that has been so."""

import time
from collections.abc import Sequence
from contextlib import suppress

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.explaining import trouble_of
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.problems import Problem, pod_problem

LOOK_CLOSER = 3.0
"""Seconds between looks at the pods and events of what is not there yet: each is a request or two."""


class Obstacle:
    """The problem that was seen last, and since when it, or others of its code, have stood."""

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self._since = time.monotonic()

    def see(self, found: Problem | None) -> None:
        if (found and found.code) != (self.problem and self.problem.code):
            self._since = time.monotonic()
        self.problem = found

    @property
    def lasting(self) -> Problem | None:
        """The one that no waiting will mend."""
        found = self.problem
        return found if found and time.monotonic() - self._since >= found.patience else None


class Obstacles(Obstacle):
    """Seen by the pods of a Job; while it has none, by its events too, every few seconds."""

    def __init__(self, api: Api) -> None:
        super().__init__()
        self._api = api
        self._looked = time.monotonic()

    def look(self, job: Object, pods: Sequence[Object]) -> str:
        """What is new to tell, or nothing."""
        before = self.problem
        found = next((one for pod in pods if (one := pod_problem(pod))), None)
        if not pods:
            found = before
            if time.monotonic() - self._looked > LOOK_CLOSER:
                self._looked = time.monotonic()
                found = self._of_the_job(job)
        self.see(found)
        return f"waits: {found.what}" if found and found.what != (before and before.what) else ""

    def _of_the_job(self, job: Object) -> Problem | None:
        """Why it has no pod: a quota, an admission rule. Who may not read events waits without knowing."""
        with suppress(ModelyardError):
            if trouble := trouble_of(self._api, job):
                return trouble.problem
        return None
