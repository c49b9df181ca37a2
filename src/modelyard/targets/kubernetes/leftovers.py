"""Jobs that are there already when an executor begins: of an apply, or a runner, that was killed."""

import threading
from dataclasses import dataclass, field

from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, JOB, Kind, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import ADDRESS, FINGERPRINT, Scope
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

    def claim(self, address: str, fingerprint: str) -> Object | None:
        """One that does just this work, or has done it, and is to be gone on with. Others of the address go."""
        with self._turn:
            if self._jobs is None:
                self._jobs = self._listed()
            mine = [job for job in self._jobs if _annotation(job, ADDRESS) == address]
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
        for obj in [*self._listed(), *self.api.list(CONFIG_MAP, task_selector(self.scope))]:
            if name_of(obj) not in but and self.scope.owns(obj["metadata"]):
                self._delete(obj)

    def _listed(self) -> list[Object]:
        kinds = [JOB, *([_TRAIN_JOB] if self.cluster.operators.get("training") == "trainer" else [])]
        found: list[Object] = []
        for kind in kinds:
            try:
                found += self.api.list(kind, task_selector(self.scope))
            except Refusal as error:
                if error.code != "missing-kind":  # told of by the task that asks for it
                    raise
        return [job for job in found if self.scope.owns(job["metadata"])]

    def _delete(self, obj: Object) -> None:
        self.api.delete(kind_of(obj), name_of(obj), uid=obj["metadata"]["uid"])


def _is_good(job: Object) -> bool:
    return not job["metadata"].get("deletionTimestamp") and condition_of(job, "Failed", "FailureTarget") is None


def _annotation(obj: Object, name: str) -> str | None:
    return (obj["metadata"].get("annotations") or {}).get(name)
