"""Deletion: finalizers, a pod's grace, and the dependents of what is gone (`propagationPolicy`)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
        _orphan(objects, meta["uid"])
    if waits:
        if meta.get("deletionTimestamp") and grace is None:
            return live
        meta["deletionTimestamp"] = _now()
        meta["deletionGracePeriodSeconds"] = 30 if grace is None else grace
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
    for obj in list(objects.storage.all()):
        owners = obj["metadata"].get("ownerReferences") or []
        if not any(owner["uid"] == uid for owner in owners):
            continue
        resource = objects.resources.of_kind(obj["kind"], obj["apiVersion"].rpartition("/")[0])
        rest = [owner for owner in owners if owner["uid"] != uid]
        if rest:
            obj["metadata"]["ownerReferences"] = rest
            objects.storage.replace(resource, obj, obj["metadata"]["resourceVersion"])
        else:
            collect(objects, resource, obj, {"propagationPolicy": policy})


def _orphan(objects: "Objects", uid: str) -> None:
    for obj in list(objects.storage.all()):
        owners = obj["metadata"].get("ownerReferences") or []
        if any(owner["uid"] == uid for owner in owners):
            resource = objects.resources.of_kind(obj["kind"], obj["apiVersion"].rpartition("/")[0])
            obj["metadata"]["ownerReferences"] = [owner for owner in owners if owner["uid"] != uid]
            objects.storage.replace(resource, obj, obj["metadata"]["resourceVersion"])


def _namespace(objects: "Objects", resource: Resource, live: Object) -> Object:
    """All in it goes first. A namespace that a test marks with a finalizer of its own stays `Terminating`."""
    name = live["metadata"]["name"]
    live["metadata"]["deletionTimestamp"] = _now()
    live["status"] = {"phase": "Terminating"}
    marked = objects.storage.replace(resource, live, live["metadata"]["resourceVersion"])
    for obj in list(objects.storage.all()):
        if obj["metadata"].get("namespace") == name:
            kind = objects.resources.of_kind(obj["kind"], obj["apiVersion"].rpartition("/")[0])
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


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
