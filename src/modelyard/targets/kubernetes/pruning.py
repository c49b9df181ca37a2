"""Taking away what is ours: what the spec no longer names, or, with `destroy`, all of it; never anything else."""

import time
from collections.abc import Sequence
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.base import OnEvent
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.inventory import DATA, Inventory, identity_of, parent_name
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, JOB, Object, kind_of, name_of, title_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.statuses import condition_of

_GONE_WITHIN = 120.0
_TICK = 0.5
_FIRST = ("CronJob", "Job", "HorizontalPodAutoscaler", "Ingress", "HTTPRoute")
"""What makes pods, or sends requests to them, goes before what those need; access rights go last."""
_LAST = ("ConfigMap", "Secret", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "Namespace")


def prune(api: Api, scope: Scope, objects: Sequence[Object], on_event: OnEvent, inventory: Inventory) -> list[Object]:
    """Delete members of the environment's set that `objects` no longer name; claims stay, as they hold data."""
    return _take_away(api, scope, not_wanted(api, scope, objects, inventory), on_event)


def not_wanted(api: Api, scope: Scope, objects: Sequence[Object], inventory: Inventory) -> list[Object]:
    """What a prune takes away. The graph of a run that a schedule began stays as long as that goes on.

    A pod that stands in for one that was killed mounts it anew, and without it would wait for ever.
    """
    found = inventory.pruned(objects)
    if not any(kind_of(obj) == CONFIG_MAP for obj in found):
        return found
    jobs = [job for job in api.list(JOB, scope.selector) if condition_of(job, "Complete", "Failed") is None]
    mounted = {name for job in jobs for name in mounted_configmaps(job)}
    return [obj for obj in found if kind_of(obj) != CONFIG_MAP or name_of(obj) not in mounted]


def mounted_configmaps(job: Object) -> list[str]:
    volumes = job["spec"]["template"]["spec"].get("volumes") or ()
    return [volume["configMap"]["name"] for volume in volumes if volume.get("configMap")]


def destroy(api: Api, scope: Scope, on_event: OnEvent, *, data: bool = False) -> list[Object]:
    """Delete all that was applied and what runs made of it. Claims, which hold the store, stay unless `data`.

    The state, which nobody applied, stays: it tells that nothing is there. Raises ModelyardError where something
    does not go.
    """
    found = Inventory.read(api, scope, kinds=(JOB, CONFIG_MAP))
    jobs = [obj for obj in found.live.values() if kind_of(obj) == JOB]
    members = {identity_of(obj): obj for obj in [*jobs, *found.members()]}
    kept = [] if data else [obj for obj in members.values() if obj["kind"] == DATA]
    gone = _take_away(api, scope, [obj for obj in members.values() if obj not in kept], on_event)
    for obj in kept:
        told = f"{title_of(obj)} stays: it holds data (`kubectl delete pvc {name_of(obj)} -n {scope.namespace}`)"
        on_event({"event": "progress", "done": len(gone), "total": len(gone), "text": told})
    if found.parent is not None and not kept:
        api.delete(CONFIG_MAP, parent_name(scope), uid=found.parent["metadata"]["uid"])
    return gone


def _take_away(api: Api, scope: Scope, objects: Sequence[Object], on_event: OnEvent) -> list[Object]:
    """In an order in which nothing that still runs misses what it needs."""
    gone = []
    for number, obj in enumerate(sorted(objects, key=_order), 1):
        # Read a moment ago with our labels; by its uid no other that was made since in its place is met.
        if scope.owns(obj["metadata"]) and api.delete(kind_of(obj), name_of(obj), uid=obj["metadata"]["uid"]):
            gone.append(obj)
        text = f"{title_of(obj)} deleted"
        on_event({"event": "progress", "done": number, "total": len(objects), "text": text})
    wait_until_gone(api, gone)
    return gone


def wait_until_gone(api: Api, objects: Sequence[Object], within: float = _GONE_WITHIN) -> None:
    """Raises ModelyardError, code `not-gone`, naming what holds the first that stays."""
    began = time.monotonic()
    for obj in objects:
        while (found := api.get(kind_of(obj), name_of(obj))) and _is_same(found, obj):
            if time.monotonic() - began > within:
                raise _held(found, api.namespace)
            time.sleep(_TICK)


def _is_same(found: Object, obj: Object) -> bool:
    return bool(found["metadata"].get("uid") == obj["metadata"].get("uid"))


def _held(obj: Object, namespace: str) -> ModelyardError:
    holders: Any = obj["metadata"].get("finalizers") or ["its pods, which still end"]
    return ModelyardError(
        f"{title_of(obj)} is not gone yet: it waits for {', '.join(holders)}",
        fix=f"`kubectl describe {obj['kind'].lower()} {name_of(obj)} -n {namespace}` tells more; then do this again",
        code="not-gone",
    )


def _order(obj: Object) -> tuple[int, str]:
    kind = obj["kind"]
    return (0 if kind in _FIRST else 2 if kind in _LAST else 1), title_of(obj)
