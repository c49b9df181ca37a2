"""Whether an object has come to what was asked of it: kubectl's and kstatus' rules, and those of operators' kinds.

https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modelyard.targets.kubernetes.kinds import Object


@dataclass(frozen=True, slots=True)
class Readiness:
    """`text` is what one sees while it is not ready: «1 of 2 pods ready»."""

    state: Literal["ready", "waiting", "failed"]
    text: str = ""

    @property
    def ready(self) -> bool:
        return self.state == "ready"


READY = Readiness("ready")


def readiness(obj: Object) -> Readiness:
    """Of an object as the API server has it now."""
    if obj["metadata"].get("deletionTimestamp"):
        return Readiness("waiting", "it is being deleted")
    status = obj.get("status") or {}
    seen, wanted = status.get("observedGeneration"), obj["metadata"].get("generation")
    # KServe copies it from the Knative Service behind, which counts its own changes.
    copied = obj["kind"] == "InferenceService" and status.get("deploymentMode") in ("Knative", "Serverless")
    if seen is not None and wanted is not None and seen < wanted and not copied:
        return Readiness("waiting", "its controller has not seen the change yet")
    return _RULES.get(obj["kind"], _by_conditions)(obj.get("spec") or {}, status)


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    wanted = spec.get("replicas", 1)
    if _conditions(status).get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded":
        return Readiness("failed", "its pods were not ready in time")
    if "observedGeneration" not in status:
        return Readiness("waiting", "its controller has not seen it yet")
    updated, ready = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return Readiness("waiting", f"{updated} of {wanted} pods made")
    # Old pods that still answer are counted as available: nothing is ready while some are left.
    if status.get("replicas", 0) > updated:
        return Readiness("waiting", f"{status['replicas'] - updated} old pods still to end")
    return READY if ready >= wanted else Readiness("waiting", f"{ready} of {wanted} pods ready")


def _stateful_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if "observedGeneration" not in status:
        return Readiness("waiting", "its controller has not seen it yet")
    if ready < wanted:
        return Readiness("waiting", f"{ready} of {wanted} pods ready")
    if status.get("updateRevision") != status.get("currentRevision"):
        return Readiness("waiting", f"{status.get('updatedReplicas', 0)} of {wanted} pods are new")
    return READY


def _daemon_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    if status.get("updatedNumberScheduled", 0) < wanted or ready < wanted:
        return Readiness("waiting", f"{ready} of {wanted} pods ready")
    return READY


def _job(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    """Ready is done. A Job that is suspended waits in a queue."""
    holds = _holding(status)
    for name in ("Failed", "FailureTarget"):
        if name in holds:
            return Readiness("failed", str(holds[name].get("message") or holds[name].get("reason") or "failed"))
    if "Complete" in holds:
        return READY
    if spec.get("suspend"):
        return Readiness("waiting", "it waits in its queue")
    return Readiness("waiting", "it runs" if status.get("active") else "its pod is not made yet")


def _claim(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    """A claim whose class waits for its first pod stays pending, and that pod tells what is wrong with it."""
    if status.get("phase") == "Lost":
        return Readiness("failed", "its volume is gone")
    return READY


def _pod(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    if status.get("phase") == "Succeeded" or "Ready" in _holding(status):
        return READY
    if status.get("phase") == "Failed":
        return Readiness("failed", str(status.get("message") or status.get("reason") or "it failed"))
    return Readiness("waiting", "its pod is not ready yet")


def _by_conditions(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    """An operator's kind: what its conditions say; without any, that it is there is all there is to wait for."""
    known = _conditions(status)
    for name in ("Failed", "Stalled"):
        if known.get(name, {}).get("status") == "True":
            return Readiness("failed", str(known[name].get("message") or name))
    for name in ("Ready", "Available", "Succeeded", "Complete"):
        if name in known:
            found = known[name]
            return READY if found.get("status") == "True" else Readiness("waiting", _why(found))
    return READY


def _operated(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    """A kind whose operator always reports: no report yet is no readiness."""
    if status.get("state") in ("Failed", "Error"):  # Seldon 1
        return Readiness("failed", str(status.get("description") or status["state"]))
    if status.get("state") == "Available":
        return READY
    if not status.get("conditions"):
        return Readiness("waiting", "its operator has not seen it yet")
    return _by_conditions(spec, status)


def _model(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    """Seldon 2's: the condition's message names the model's state, and its reason says why."""
    word = _conditions(status).get("ModelReady")
    if word is None:
        return Readiness("waiting", "its operator has not seen it yet")
    if word.get("status") == "True":
        return READY
    state, why = str(word.get("message") or "not ready"), str(word.get("reason") or "")
    return Readiness("failed" if state == "ModelFailed" else "waiting", f"{state}: {why}" if why else state)


def _run(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Readiness:
    """An operator's kind of work with an end: ready is done."""
    if spec.get("suspend"):
        return Readiness("waiting", "it waits in its queue")
    holds = _holding(status)
    if "Failed" in holds:
        return Readiness("failed", _why(holds["Failed"]))
    return READY if holds.keys() & {"Complete", "Succeeded"} else Readiness("waiting", "it runs")


def _conditions(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By type, whether they hold or not."""
    return {str(entry.get("type")): entry for entry in status.get("conditions") or () if isinstance(entry, dict)}


def _holding(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {name: entry for name, entry in _conditions(status).items() if entry.get("status") == "True"}


def _why(condition: Mapping[str, Any]) -> str:
    return str(condition.get("message") or condition.get("reason") or "it is not ready yet")


_RULES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Readiness]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "Pod": _pod,
    "PersistentVolumeClaim": _claim,
    # An HPA without metrics yet, a budget without pods and an Ingress without an address hold nothing up.
    **dict.fromkeys(
        ("HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "HTTPRoute"), lambda spec, status: READY
    ),
    **dict.fromkeys(("TrainJob", "Experiment"), _run),
    **dict.fromkeys(("InferenceService", "SeldonDeployment", "Server"), _operated),
    "Model": _model,
}
