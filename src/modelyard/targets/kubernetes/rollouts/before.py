"""What a rollout goes back to, beside its InferenceService: an annotation would be one of its pods, and a revision."""

import json
from dataclasses import dataclass

from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.held import as_it_was
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, Object, name_of
from modelyard.targets.kubernetes.names import ADDRESS, Scope
from modelyard.targets.kubernetes.operators.knative import with_percent

_KEPT = "service.json"


@dataclass(frozen=True)
class Before:
    """There from the first share of the requests to the last, whatever becomes of the run meanwhile."""

    api: Api
    scope: Scope
    wanted: Object

    def read(self) -> Object | None:
        found = self.api.get(CONFIG_MAP, self._name)
        return None if found is None else dict(json.loads(found["data"][_KEPT]))

    def keep(self, live: Object) -> None:
        meta = self.wanted["metadata"]
        self.api.create({
            "apiVersion": CONFIG_MAP.api_version, "kind": CONFIG_MAP.name, "immutable": True,
            "metadata": {
                "name": self._name, "namespace": meta["namespace"], "labels": meta["labels"],
                "annotations": self.scope.annotations_of(meta["annotations"][ADDRESS]),
            },
            "data": {_KEPT: json.dumps(with_percent(as_it_was(live), None), sort_keys=True)},
        })  # fmt: skip

    def forget(self) -> None:
        self.api.delete(CONFIG_MAP, self._name)

    @property
    def _name(self) -> str:
        return f"{name_of(self.wanted)}-before"
