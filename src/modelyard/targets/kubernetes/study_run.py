"""A study that Katib leads, from its Experiment made, or found again, to the trials that came of it.

The Experiment is asked for rather than watched: it changes a few times a minute, and its labels are not those of tasks.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.attempt import Attempt
from modelyard.targets.base import Outcome
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import GOES_ON, Refusal
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, POD, Object, name_of
from modelyard.targets.kubernetes.names import FINGERPRINT
from modelyard.targets.kubernetes.obstacles import LOOK_CLOSER, Obstacles
from modelyard.targets.kubernetes.operators.katib import EXPERIMENT, OF_EXPERIMENT, STUDY, TRIAL
from modelyard.targets.kubernetes.statuses import born, condition_of, has_begun, is_over
from modelyard.targets.kubernetes.study_trials import Words, last_words_of, metric_of, state_of, told_of
from modelyard.targets.kubernetes.task_job import owned
from modelyard.trials import HOPELESS

_TICK = 0.5
_GONE_WITHIN = 90.0


@dataclass
class StudyRun:
    """`objects` are those of `manifests.study_objects`."""

    api: Api
    objects: Sequence[Object]
    attempt: Attempt
    _told: set[str] = field(default_factory=set)
    _words: Words | None = None

    @property
    def name(self) -> str:
        return name_of(self.objects[-1])

    def make(self) -> None:
        """Or take up the one that an earlier run began. Raises ModelyardError."""
        configmap, wanted = self.objects
        until = time.monotonic() + _GONE_WITHIN
        while True:
            try:
                made = self.api.create(wanted)
                break
            except Refusal as error:
                if error.code != "already-exists" or time.monotonic() > until or self.attempt.cancel.wait(0.5):
                    raise
                found = self.api.get(EXPERIMENT, self.name)
                if found and _goes_on(found, wanted):
                    made = found
                    text = f"goes on with Experiment {self.name}, which an earlier apply began"
                    self.attempt.on_event({"event": "note", "text": text})
                    break
                if found and not found["metadata"].get("deletionTimestamp"):
                    self.api.delete(EXPERIMENT, self.name, uid=found["metadata"]["uid"])
        if self.api.get(CONFIG_MAP, self.name) is None:
            self.api.create(owned(configmap, made))

    def until_the_end(self) -> Outcome | None:
        """How it ended, where no trial came of it; None where there are some to gather. Raises ModelyardError."""
        timeout = self.attempt.timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        obstacles, looked = Obstacles(self.api), 0.0
        while True:
            now = self.api.get(EXPERIMENT, self.name)
            if now is None:
                fix = f"see who deletes it, {GOES_ON}"
                return Outcome("failed", reason="its Experiment was deleted while it ran", fix=fix, code="job-removed")
            self._tell(now)
            if condition_of(now, "Failed", "Succeeded"):
                return self._how_it_ended(now)
            if self._is_hopeless(now):
                return self._failed(f"{HOPELESS} trials failed, and none went well")
            if self.attempt.cancel.is_set():
                return Outcome("cancelled", reason="cancelled", code="cancelled")
            if deadline is not None and time.monotonic() >= deadline:
                return Outcome("timeout", reason=f"it ran past its timeout of {timeout:g} s", code="timeout")
            if time.monotonic() - looked > LOOK_CLOSER:
                looked = time.monotonic()
                if problem := self._look(obstacles, now):
                    return problem
            self.attempt.cancel.wait(_TICK)

    def trials(self) -> list[dict[str, Any]]:
        """What each trial is told as to those who gather them, in the order in which Katib made them."""
        found = self.api.list(TRIAL, f"{OF_EXPERIMENT}={self.name}")
        return [told_of(one) for one in sorted(found, key=lambda one: (born(one), name_of(one))) if state_of(one)]

    def signal(self, signum: int) -> None:
        """Whichever it is: the Experiment is deleted, and with it all that Katib made for it."""
        with suppress(ModelyardError):
            self.api.delete(EXPERIMENT, self.name)

    def close(self) -> None:
        """Take it all away, and wait until nothing of it runs. What is gone is no error."""
        self.api.delete(EXPERIMENT, self.name)
        self.api.delete(CONFIG_MAP, self.name)
        until = time.monotonic() + _GONE_WITHIN
        while time.monotonic() < until:
            if not any(not is_over(pod) for pod in self._pods()) and self.api.get(EXPERIMENT, self.name) is None:
                return
            time.sleep(0.3)

    def _tell(self, now: Object) -> None:
        status, total = now.get("status") or {}, int(now["spec"]["maxTrialCount"])
        failed = [*(status.get("failedTrialList") or ()), *(status.get("metricsUnavailableTrialList") or ())]
        for trial in failed:
            if trial not in self._told:
                self._told.add(trial)
                self._words = last_words_of(self.api, trial, self._pods())
                self.attempt.on_event({"event": "warning", "text": f"trial {trial} failed: {self._words.reason}"})
        ended = len(failed) + sum(int(status.get(key) or 0) for key in _ENDED)
        objective = now["spec"]["objective"]["objectiveMetricName"]
        best = metric_of((status.get("currentOptimalTrial") or {}).get("observation"), objective)
        values = {} if best is None else {f"best {objective}": best}
        text = f"trial {min(ended + 1, total)}/{total}"
        self.attempt.on_event({"event": "progress", "done": ended, "total": total, "text": text, "values": values})

    def _is_hopeless(self, now: Object) -> bool:
        return len(self._told) >= HOPELESS and not any((now.get("status") or {}).get(key) for key in _ENDED)

    def _how_it_ended(self, now: Object) -> Outcome | None:
        if any(trial["state"] == "complete" for trial in self.trials()):
            return None
        ended = condition_of(now, "Failed", "Succeeded") or {}
        if not self._told and ended.get("type") == "Failed":
            return self._failed(f"Katib ended it: {ended.get('message') or ended.get('reason')}")
        return self._failed(f"none of {(now.get('status') or {}).get('trials') or 0} trials went well")

    def _failed(self, what: str) -> Outcome:
        words = self._words
        reason = f"{what}; the last of them: {words.reason}" if words else what
        fix = "see the warnings for why each failed; is the space right?" if words else ""
        return Outcome("failed", reason=reason, tail=words.tail if words else (), fix=fix, code="no-trial")

    def _look(self, obstacles: Obstacles, now: Object) -> Outcome | None:
        """Trials that do not begin; before there is one, what the cluster says of the Experiment."""
        pods = self._pods()
        waiting = [pod for pod in pods if not has_begun(pod)]
        if pods and not waiting:
            obstacles.see(None)
            return None
        if text := obstacles.look(now, waiting):
            self.attempt.on_event({"event": "note", "text": text})
        if problem := obstacles.lasting:
            return Outcome("failed", reason=problem.what, fix=problem.fix or "", code=problem.code)
        return None

    def _pods(self) -> list[Object]:
        return self.api.list(POD, f"{STUDY}={self.name}")


_ENDED = ("trialsSucceeded", "trialsEarlyStopped", "trialsKilled")


def _goes_on(found: Object, wanted: Object) -> bool:
    """Whether it is the same work, and has not come to nothing."""
    told = [(one["metadata"].get("annotations") or {}).get(FINGERPRINT) for one in (found, wanted)]
    return told[0] == told[1] and not found["metadata"].get("deletionTimestamp") and not condition_of(found, "Failed")
