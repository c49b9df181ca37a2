"""Pods as controllers make them of a template, and find them again."""

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from cluster.objects import Objects

Object = dict[str, Any]


def pod_from(template: Object, owner: Object, index: int | None = None, name: str = "") -> Object:
    made: Object = json.loads(json.dumps(template))
    meta = owner["metadata"]
    number = f"-{index}" if index is not None else ""
    mine = made.setdefault("metadata", {})
    mine |= {"name": name or f"{meta['name'][:57]}{number}-{uuid4().hex[:5]}", "namespace": meta["namespace"]}
    mine.setdefault("labels", {})
    mine["ownerReferences"] = [{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }]  # fmt: skip
    return {"apiVersion": "v1", "kind": "Pod", "metadata": mine, "spec": made["spec"]}


def owned_pods(objects: "Objects", owner: Object) -> list[Object]:
    return [pod for pod in objects.listed("Pod", owner["metadata"]["namespace"]) if is_owned(pod, owner)]


def is_owned(obj: Object, owner: Object) -> bool:
    return any(one["uid"] == owner["metadata"]["uid"] for one in obj["metadata"].get("ownerReferences") or ())


def is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
