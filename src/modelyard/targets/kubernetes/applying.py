"""Server-side apply of an environment's objects, in their order: only ours, each as wanted, and nothing left half-done.

An apply that is killed anywhere is finished by the next one: the set's parent names the kinds before their objects are
made, each object is asked for anew, and what is as wanted already costs no request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from modelyard.targets.base import OnEvent
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import FieldConflict, Refusal
from modelyard.targets.kubernetes.differing import prepared
from modelyard.targets.kubernetes.fields import is_as_applied
from modelyard.targets.kubernetes.inventory import DATA, KINDS, Inventory, identity_of, parent
from modelyard.targets.kubernetes.kinds import NAMESPACE, Object, kind_of, name_of, title_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.ownership import refuse_foreign, refuse_taken
from modelyard.targets.kubernetes.pruning import prune, wait_until_gone
from modelyard.targets.kubernetes.replicas import HANDOVER, leave_replicas

Action = Literal["created", "changed", "mended", "replaced", "unchanged"]


@dataclass(frozen=True, slots=True)
class Applied:
    """`mended`: others had changed what we applied, and it is as wanted again. `object` as the cluster has it."""

    object: Object
    action: Action
    note: str = ""


def apply_objects(
    api: Api, scope: Scope, objects: Sequence[Object], on_event: OnEvent, *, force: bool = False, pruning: bool = True
) -> list[Applied]:
    """Apply `objects` in their order, then prune what the set has beyond them. Does not wait: see `waiting`.

    Fields that somebody changed by hand are set right; fields that another applies from manifests are his: that is a
    FieldConflict, unless `force`. Without `pruning` the objects are a part of the set.
    """
    spaces = [obj for obj in objects if kind_of(obj) == NAMESPACE]
    done = [apply_one(api, scope, prepared(obj, scope), force=force) for obj in spaces]
    inventory = Inventory.read(api, scope, objects)
    _apply_parent(api, scope, inventory)
    rest = [obj for obj in objects if obj not in spaces]
    for number, obj in enumerate(rest, 1):
        found = apply_one(api, scope, prepared(obj, scope), inventory.live.get(identity_of(obj)), force=force)
        done.append(found)
        text = f"{title_of(obj)} {found.action}{f': {found.note}' if found.note else ''}"
        on_event({"event": "progress", "done": number, "total": len(rest), "text": text})
    if pruning:
        gone = prune(api, scope, objects, on_event, inventory)
        wanted = parent(scope, {kind_of(obj) for obj in [*objects, *inventory.members()] if obj not in gone})
        if wanted["metadata"]["annotations"] != (inventory.parent or wanted)["metadata"].get("annotations"):
            api.apply(wanted, force=True)
    return done


def _apply_parent(api: Api, scope: Scope, inventory: Inventory) -> None:
    """Before its members are made: a set's kinds are never fewer than it has, whatever breaks off."""
    wanted = parent(scope, inventory.kinds)
    if inventory.parent is None:
        refuse_taken(api, scope, wanted)
    elif _kinds(wanted) <= _kinds(inventory.parent):
        return
    api.apply(wanted, force=True)


def _kinds(obj: Object) -> set[str]:
    return set(str((obj["metadata"].get("annotations") or {}).get(KINDS) or "").split(","))


def apply_one(api: Api, scope: Scope, wanted: Object, live: Object | None = None, *, force: bool = False) -> Applied:
    """One object, with the same care: `live` is the one in the cluster, where that is at hand."""
    if not scope.owns(wanted["metadata"]):
        raise AssertionError(f"{title_of(wanted)} has not the labels of {scope.owner}")
    live = _lasting(api, scope, live or api.get(kind_of(wanted), name_of(wanted)))
    if live is not None and is_as_applied(live, wanted):
        return Applied(live, "unchanged")
    if live is not None:
        leave_replicas(api, wanted, live)
    try:
        made = api.apply(wanted, force=force)
    except FieldConflict as conflict:
        others = [held for held in conflict.owned if held.manager != HANDOVER]
        if not all(held.by_hand for held in others):
            raise
        if not others:
            return Applied(api.apply(wanted, force=True), "changed")
        note = "; ".join(f"{held.field} was changed by {held.manager}" for held in others)
        return Applied(api.apply(wanted, force=True), "mended", note)
    except Refusal as refused:
        if refused.code != "immutable-field" or live is None or wanted["kind"] == DATA:
            raise
        return Applied(_replace(api, wanted, live), "replaced", "what changed cannot be changed in place")
    if live is None:
        return Applied(made, "created")
    same = made["metadata"].get("resourceVersion") == live["metadata"].get("resourceVersion")
    return Applied(made, "unchanged" if same else "changed")


def _lasting(api: Api, scope: Scope, live: Object | None) -> Object | None:
    """An object of ours that stays; one on its way out is waited for, as what is applied to it goes with it."""
    if live is None:
        return None
    refuse_foreign(scope, live)
    if not live["metadata"].get("deletionTimestamp"):
        return live
    wait_until_gone(api, [live])
    return None


def _replace(api: Api, wanted: Object, live: Object) -> Object:
    """Killed between the two, the next apply makes it."""
    api.delete(kind_of(live), name_of(live), uid=live["metadata"]["uid"], wait_for_dependents=True)
    wait_until_gone(api, [live])
    return api.apply(wanted)
