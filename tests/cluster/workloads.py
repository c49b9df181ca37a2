"""Deployments, ReplicaSets and StatefulSets: pods of the newest template, the old ones until the new are ready."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cluster.clock import now
from cluster.pod_status import condition
from cluster.refusals import Refusal
from cluster.workload_pods import is_owned, is_ready, owned_pods, pod_from

if TYPE_CHECKING:
    from cluster.node import Node

Object = dict[str, Any]
_HASH = "pod-template-hash"


class WorkloadController:
    def __init__(self, node: "Node") -> None:
        self._node = node
        self._objects = node.server.objects

    def work(self) -> None:
        with self._objects.turn:
            self._work()

    def _work(self) -> None:
        for claim in self._objects.listed("PersistentVolumeClaim"):
            if (claim.get("status") or {}).get("phase") != "Bound":
                self._status(claim, {"phase": "Bound"})
        for deployment in self._objects.listed("Deployment"):
            self._deployment(deployment)
        for replica_set in self._objects.listed("ReplicaSet"):
            self._replica_set(replica_set)
        for stateful_set in self._objects.listed("StatefulSet"):
            self._stateful_set(stateful_set)

    def _deployment(self, obj: Object) -> None:
        template = _hashed(obj["spec"]["template"])
        mark = template["metadata"]["labels"][_HASH]
        sets = [one for one in self._objects.listed("ReplicaSet", obj["metadata"]["namespace"]) if is_owned(one, obj)]
        newest = next((one for one in sets if one["metadata"]["labels"].get(_HASH) == mark), None)
        wanted = obj["spec"]["replicas"]
        old = [one for one in sets if one is not newest]
        if newest is None and (
            obj["spec"]["strategy"]["type"] != "Recreate" or not any(self._pods(one) for one in old)
        ):
            newest = self._make_set(obj, template, mark, wanted)
        elif newest is not None and newest["spec"]["replicas"] != wanted:
            self._scale(newest, wanted)
        pods = self._pods(newest) if newest else []
        ready = sum(is_ready(pod) for pod in pods)
        if (newest is not None and ready >= wanted) or obj["spec"]["strategy"]["type"] == "Recreate":
            for one in old:
                self._scale(one, 0)
        elders = [pod for one in old for pod in self._pods(one)]
        total, available = len(pods) + len(elders), ready + sum(is_ready(pod) for pod in elders)
        done = ready >= wanted and not elders
        progress = condition("Progressing", True, "NewReplicaSetAvailable" if done else "ReplicaSetUpdated")
        conditions = [
            condition(
                "Available",
                available >= wanted,
                "MinimumReplicasAvailable" if available >= wanted else "MinimumReplicasUnavailable",
            ),
            progress,
        ]
        self._status(obj, {
            "observedGeneration": obj["metadata"]["generation"], "replicas": total, "updatedReplicas": len(pods),
            "readyReplicas": available, "availableReplicas": available,
            "unavailableReplicas": max(0, wanted - available),
            "conditions": conditions,
        })  # fmt: skip

    def _make_set(self, obj: Object, template: Object, mark: str, replicas: int) -> Object:
        meta = obj["metadata"]
        owner = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
        }
        labels = template["metadata"]["labels"]
        selector = {"matchLabels": {**obj["spec"]["selector"].get("matchLabels", {}), _HASH: mark}}
        named = {"name": f"{meta['name']}-{mark}", "namespace": meta["namespace"], "labels": labels}
        spec = {"replicas": replicas, "selector": selector, "template": template}
        made = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {**named, "ownerReferences": [owner]},
            "spec": spec,
        }
        return self._objects.create(made)

    def _scale(self, replica_set: Object, replicas: int) -> None:
        if replica_set["spec"]["replicas"] != replicas:
            replica_set["spec"]["replicas"] = replicas
            self._objects.update(replica_set)

    def _replica_set(self, obj: Object) -> None:
        pods = self._pods(obj)
        for _ in range(obj["spec"]["replicas"] - len(pods)):
            self._make(obj, pod_from(obj["spec"]["template"], obj))
        for pod in pods[obj["spec"]["replicas"] :]:
            self._delete(pod)
        ready = sum(is_ready(pod) for pod in pods)
        self._status(obj, {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready})

    def _stateful_set(self, obj: Object) -> None:
        template = _hashed(obj["spec"]["template"])
        mark = template["metadata"]["labels"][_HASH]
        pods = {pod["metadata"]["name"]: pod for pod in owned_pods(self._objects, obj)}
        wanted = [f"{obj['metadata']['name']}-{number}" for number in range(obj["spec"]["replicas"])]
        ready = current = 0
        for name in wanted:
            pod = pods.get(name)
            if pod is None:
                self._make_ordinal(obj, template, name)
                break
            if pod["metadata"]["labels"].get(_HASH) != mark or _has_ended(pod):
                self._delete(pod)
                break
            current += 1
            if not is_ready(pod) and obj["spec"]["podManagementPolicy"] == "OrderedReady":
                break
            ready += is_ready(pod)
        for name, pod in pods.items():
            if name not in wanted:
                self._delete(pod)
        self._status(obj, {
            "observedGeneration": obj["metadata"]["generation"], "replicas": len(pods), "readyReplicas": ready,
            "availableReplicas": ready, "currentReplicas": current, "updatedReplicas": current,
            "updateRevision": mark, "currentRevision": mark if ready == len(wanted) else "before",
        })  # fmt: skip

    def _make_ordinal(self, obj: Object, template: Object, name: str) -> None:
        pod = pod_from(template, obj, name=name)
        pod["spec"] |= {"hostname": name, "subdomain": obj["spec"]["serviceName"]}
        for claim in obj["spec"].get("volumeClaimTemplates") or ():
            mine = {"name": f"{claim['metadata']['name']}-{name}", "namespace": obj["metadata"]["namespace"]}
            labels = claim["metadata"].get("labels") or {}
            wanted = {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {**mine, "labels": labels},
                "spec": claim["spec"],
            }
            try:
                self._objects.create(wanted)
            except Refusal as refusal:
                if refusal.reason != "AlreadyExists":
                    raise
            volume = {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": mine["name"]}}
            pod["spec"].setdefault("volumes", []).append(volume)
        self._make(obj, pod)

    def _make(self, owner: Object, pod: Object) -> None:
        try:
            self._objects.create(pod)
        except Refusal as refusal:
            self._node.event(owner, "FailedCreate", f"Error creating: {refusal.message}", "Warning", "controller")

    def _pods(self, replica_set: Object) -> list[Object]:
        return [pod for pod in owned_pods(self._objects, replica_set) if not _has_ended(pod)]

    def _delete(self, pod: Object) -> None:
        if not pod["metadata"].get("deletionTimestamp"):
            grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
            name = pod["metadata"]["name"]
            self._objects.delete(
                "Pod", pod["metadata"]["namespace"], name, {"gracePeriodSeconds": 0 if _has_ended(pod) else grace}
            )

    def _status(self, obj: Object, status: Object) -> None:
        before = obj.get("status") or {}
        for one in status.get("conditions") or ():
            same = [
                c for c in before.get("conditions") or () if (c["type"], c["status"]) == (one["type"], one["status"])
            ]
            one["lastTransitionTime"] = same[0]["lastTransitionTime"] if same else now()
        if {**before, **status} != before:
            self._objects.set_status(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"], status)


def _hashed(template: Object) -> Object:
    mark = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
    labels = {**(template["metadata"].get("labels") or {}), _HASH: mark}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def _has_ended(pod: Object) -> bool:
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return ended or bool(pod["metadata"].get("deletionTimestamp"))
