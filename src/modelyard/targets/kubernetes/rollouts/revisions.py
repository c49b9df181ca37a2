"""What an InferenceService says of its revisions, in the mode in which Knative keeps them.

Its `observedGeneration` is of the Knative Service behind it, not its own: what tells whether a change has been seen is
the name of the revision that came of it, and the requests that it gets.
https://github.com/kserve/kserve/blob/master/pkg/apis/serving/v1beta1/inference_service_status.go
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelyard.targets.kubernetes.kinds import Object

REVISION = "serving.knative.dev/revision"
"""A label of its pods."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """`rolled_out` had all of the requests the last time that one had; `traffic` in percent. `failed` says why."""

    created: str = ""
    ready: str = ""
    rolled_out: str = ""
    traffic: Mapping[str, int] = field(default_factory=dict)
    failed: str = ""
    mode: str = ""

    @classmethod
    def of(cls, obj: Object) -> "Revisions":
        status = obj.get("status") or {}
        found = (status.get("components") or {}).get("predictor") or {}
        traffic: dict[str, int] = {}
        for one in found.get("traffic") or ():
            name = str(one.get("revisionName", ""))
            traffic[name] = traffic.get(name, 0) + int(one.get("percent") or 0)
        return cls(
            created=str(found.get("latestCreatedRevision", "")),
            ready=str(found.get("latestReadyRevision", "")),
            rolled_out=str(found.get("latestRolledoutRevision", "")),
            traffic=traffic,
            failed=_why_not(status),
            mode=str(status.get("deploymentMode", "")),
        )

    def has(self, percent: int) -> bool:
        """Whether the newest revision is up, and gets this share."""
        return bool(self.created) and self.created == self.ready and self.traffic.get(self.created, 0) == percent


def _why_not(status: Object) -> str:
    for one in status.get("conditions") or ():
        if one.get("type") == "PredictorConfigurationReady" and one.get("status") == "False":
            return str(one.get("message") or one.get("reason") or "its revision is not ready")
    return ""
