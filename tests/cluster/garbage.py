"""Deletion: finalizers, a pod's grace, and the dependents of what is gone (`propagationPolicy`)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cluster.clock import now
from cluster.resources import Resource

if TYPE_CHECKING:
    from cluster.objects import Objects

Object = dict[str, Any]


def collect(objects: "Objects", resource: Resource, live: Object, options: Mapping[str, Any]) -> Object:
    """Delete, or mark as to be deleted where a finalizer or a kubelet has a say first."""
    policy = options.get("propagationPolicy") or _usual_policy(resource)
    meta = live["metadata"]
    grace = options.get("gracePeriodSeconds")
    waits = bool(meta.get("finalizers")) or (resource.kind == "Pod" and objects.keeps_pods and _runs(live, grace))
    if resource.kind == "Namespace":
        return _namespace(objects, resource, live)
    if policy == "Orphan":
        _dependents(objects, meta["uid"], policy)
    if waits:
        if meta.get("deletionTimestamp") and grace is None:
            return live
        meta["deletionTimestamp"] = now()
        usual = live.get("spec", {}).get("terminationGracePeriodSeconds", 30)
        meta["deletionGracePeriodSeconds"] = usual if grace is None else grace
        return objects.storage.replace(resource, live, meta["resourceVersion"])
    gone = objects.storage.remove(resource, meta.get("namespace", ""), meta["name"])
    if resource.kind == "CustomResourceDefinition":
        objects.resources.forget(gone)
    if policy != "Orphan":
        _dependents(objects, meta["uid"], policy)
    return gone


def finish(objects: "Objects", resource: Resource, stored: Object) -> Object:
    """An object whose deletion was asked for goes with its last finalizer."""
    meta = stored["metadata"]
    if meta.get("deletionTimestamp") and not meta.get("finalizers") and resource.kind not in ("Pod", "Namespace"):
        return collect(objects, resource, stored, {})
    return stored


def _usual_policy(resource: Resource) -> str:
    # `kubectl delete job` asks for Background; who asks for nothing leaves a job's pods behind, as batch/v1 has it
    return "Orphan" if resource.kind == "Job" else "Background"


def _dependents(objects: "Objects", uid: str, policy: str) -> None:
    """They go with their last owner; with the policy Orphan they stay, and are owned no more."""
    for obj in list(objects.storage.all()):
        owners = obj["metadata"].get("ownerReferences") or []
        rest = [owner for owner in owners if owner["uid"] != uid]
        if len(rest) == len(owners):
            continue
        resource = objects.resources.of(obj)
        if rest or policy == "Orphan":
            obj["metadata"]["ownerReferences"] = rest
            objects.storage.replace(resource, obj, obj["metadata"]["resourceVersion"])
        else:
            collect(objects, resource, obj, {"propagationPolicy": policy})


def _namespace(objects: "Objects", resource: Resource, live: Object) -> Object:
    """All in it goes first. A namespace that a test marks with a finalizer of its own stays `Terminating`."""
    name = live["metadata"]["name"]
    live["metadata"]["deletionTimestamp"] = now()
    live["status"] = {"phase": "Terminating"}
    marked = objects.storage.replace(resource, live, live["metadata"]["resourceVersion"])
    for obj in list(objects.storage.all()):
        if obj["metadata"].get("namespace") == name:
            kind = objects.resources.of(obj)
            try:
                collect(
                    objects,
                    kind,
                    objects.storage.get(kind, name, obj["metadata"]["name"]),
                    {"propagationPolicy": "Background"},
                )
            except Exception as error:
                if getattr(error, "code", 0) != 404:
                    raise
    return marked if marked["metadata"].get("finalizers") else objects.storage.remove(resource, "", name)


def _runs(pod: Object, grace: int | None) -> bool:
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return grace != 0 and not ended
