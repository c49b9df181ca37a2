"""Jobs that are there already when an executor begins: of an apply, or a runner, that was killed."""

import threading
from dataclasses import dataclass, field

from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, JOB, Kind, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import ADDRESS, FINGERPRINT, Scope
from modelyard.targets.kubernetes.operators.katib import EXPERIMENT, is_of, selector_of_studies
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.statuses import condition_of
from modelyard.targets.kubernetes.task_watch import task_selector

_TRAIN_JOB = Kind("trainer.kubeflow.org/v1alpha1", "TrainJob")


@dataclass
class Leftovers:
    """Read once, with the first task. The state's lock keeps any other apply of this scope from running meanwhile."""

    api: Api
    scope: Scope
    cluster: Cluster
    _jobs: list[Object] | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, address: str, fingerprint: str, study: bool = False) -> Object | None:
        """One that does just this work, or has done it, and is to be gone on with. Others of the address go.

        `study`: an Experiment, which is there beside the Job that gathers what comes of it.
        """
        with self._turn:
            if self._jobs is None:
                self._jobs = self._unsettled()
            mine = [job for job in self._jobs if _annotation(job, ADDRESS) == address and _is_study(job) == study]
            self._jobs = [job for job in self._jobs if job not in mine]
            found = next((job for job in mine if _is_good(job) and _annotation(job, FINGERPRINT) == fingerprint), None)
        for job in mine:
            if job is not found:
                self._delete(job)
        return found

    def remove_unclaimed(self) -> None:
        with self._turn:
            left, self._jobs = self._jobs or [], None
        for job in left:
            self._delete(job)

    def remove_all(self, but: set[str]) -> None:
        """All but those of these names, and ConfigMaps whose Job was never made."""
        with self._turn:
            self._jobs = None
        told = [one for one in self.api.list(CONFIG_MAP, task_selector(self.scope)) if self.scope.owns(one["metadata"])]
        for obj in [*self._listed(), *told]:
            if name_of(obj) not in but:
                self._delete(obj)

    def _unsettled(self) -> list[Object]:
        """All but those that only stay to be looked at: their end was heard, and their time to live takes them."""
        jobs = self._listed()
        if not any(_has_ended(job) for job in jobs):
            return jobs
        told = {name_of(obj) for obj in self.api.list(CONFIG_MAP, task_selector(self.scope))}
        return [job for job in jobs if not _has_ended(job) or name_of(job) in told]

    def _listed(self) -> list[Object]:
        kinds = [JOB, *([_TRAIN_JOB] if self.cluster.operators.get("training") == "trainer" else [])]
        found: list[Object] = []
        for kind in kinds:
            try:
                found += self.api.list(kind, task_selector(self.scope))
            except Refusal as error:
                if error.code != "missing-kind":  # told of by the task that asks for it
                    raise
        return [*(job for job in found if self.scope.owns(job["metadata"])), *self._studies()]

    def _studies(self) -> list[Object]:
        if self.cluster.operators.get("tuning") != "katib":
            return []
        try:
            found = self.api.list(EXPERIMENT, selector_of_studies(self.scope))
        except Refusal as error:
            if error.code != "missing-kind":
                raise
            return []
        return [one for one in found if is_of(one, self.scope)]

    def _delete(self, obj: Object) -> None:
        self.api.delete(kind_of(obj), name_of(obj), uid=obj["metadata"]["uid"])


def _has_ended(job: Object) -> bool:
    return kind_of(job) == JOB and condition_of(job, "Complete", "Failed") is not None


def _is_study(job: Object) -> bool:
    return kind_of(job) == EXPERIMENT


def _is_good(job: Object) -> bool:
    return not job["metadata"].get("deletionTimestamp") and condition_of(job, "Failed", "FailureTarget") is None


def _annotation(obj: Object, name: str) -> str | None:
    return (obj["metadata"].get("annotations") or {}).get(name)
