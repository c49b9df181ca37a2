"""What an apply would change in a cluster, field by field, and who made what is not as we left it.

What runs is read by one list a kind. Whether it is as wanted is told by its managedFields; only where it is not is the
server asked what it would make of it (a dry run of the apply), as it alone knows its defaults, webhooks and merges.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from modelyard.plan.objects import FieldChange, ObjectChange
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.fields import APPLIED, Holder, field_name, holder_of, holds, is_as_applied
from modelyard.targets.kubernetes.inventory import Inventory, identity_of, member
from modelyard.targets.kubernetes.kinds import Object, title_of
from modelyard.targets.kubernetes.names import ADDRESS, Scope
from modelyard.targets.kubernetes.pruning import not_wanted

_SERVERS_OWN = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")
_KEYS = (
    ("containerPort", "protocol"), ("port", "protocol"), ("mountPath",), ("topologyKey", "whenUnsatisfiable"),
    ("name",), ("key",), ("type",), ("uid",),
)  # fmt: skip
"""What tells the items of the API's lists apart, and their managedFields: a port has a name too, which does not."""
_AT_ONCE = 8
_NOT_SHOWN = "(not shown)"


def differences(
    api: Api, scope: Scope, objects: Sequence[Object], inventory: Inventory | None = None
) -> list[ObjectChange]:
    """In the order of `objects`, then what would be pruned. Empty: an apply would change nothing."""
    found = inventory or Inventory.read(api, scope, objects)
    with ThreadPoolExecutor(_AT_ONCE, "diff") as pool:
        changes = list(pool.map(lambda obj: _change(api, scope, found, obj), objects))
    gone = [ObjectChange(title_of(obj), address_of(obj), "delete") for obj in not_wanted(api, scope, objects, found)]
    return [*(change for change in changes if change), *gone]


def _change(api: Api, scope: Scope, inventory: Inventory, obj: Object) -> ObjectChange | None:
    wanted = prepared(obj, scope)
    live = inventory.live.get(identity_of(obj))
    if live is None or live["metadata"].get("deletionTimestamp"):
        return ObjectChange(title_of(obj), address_of(obj), "create")
    if is_as_applied(live, wanted):
        return None
    made = _made(api, wanted, live)
    # What we wanted the last time: where it is the same now, all that differs was changed by others.
    same = (live["metadata"].get("annotations") or {}).get(APPLIED) == wanted["metadata"]["annotations"][APPLIED]
    fields = [_field(live, path, before, after, same) for path, before, after in _compare(_bare(live), _bare(made))]
    shown = [change for change in fields if APPLIED not in change.field]
    if obj["kind"] == "Secret":
        shown = [_hidden(change) for change in shown]
    return ObjectChange(title_of(obj), address_of(obj), "update", tuple(shown)) if shown else None


def _made(api: Api, wanted: Object, live: Object) -> Object:
    """By the server's word; by ours for a login that may only read, as those of CI should be."""
    try:
        return api.apply(wanted, force=True, dry_run=True)
    except Refusal as refused:
        if refused.code != "no-rights":
            raise
        return dict(_overlaid(live, wanted))


def _overlaid(live: Any, wanted: Any) -> Any:
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {**live, **{key: _overlaid(live.get(key), value) for key, value in wanted.items()}}
    if isinstance(live, list) and isinstance(wanted, list) and (keys := _keys_of([*live, *wanted])):
        there, ours = _by_keys(live, keys), _by_keys(wanted, keys)
        return list({**there, **{step: _overlaid(there.get(step), item) for step, item in ours.items()}}.values())
    return wanted


def prepared(obj: Object, scope: Scope) -> Object:
    """As it is applied: a member of the environment's set, with the digest of what was asked for."""
    wanted = member(obj, scope)
    annotations = {**(wanted["metadata"].get("annotations") or {}), APPLIED: digest_of(wanted)}
    return {**wanted, "metadata": {**wanted["metadata"], "annotations": annotations}}


def digest_of(wanted: Object) -> str:
    """Of all that is asked for."""
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]


def address_of(obj: Mapping[str, Any]) -> str | None:
    found = (obj["metadata"].get("annotations") or {}).get(ADDRESS)
    return str(found) if found else None


def _field(live: Object, path: Sequence[str], before: Any, after: Any, same: bool) -> FieldChange:
    holder: Holder | None = holder_of(live, path)
    drift = same or (holder is not None and not holds(live, path))
    if not drift:
        return FieldChange(field_name(path), before, after)
    who = (holder.manager, holder.at) if holder else (None, None)
    return FieldChange(field_name(path), before, after, True, *who)


def _bare(obj: Object) -> Object:
    """Without what only the server writes."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in _SERVERS_OWN}
    rest = {key: value for key, value in obj.items() if key not in ("status", "apiVersion", "kind")}
    return {**rest, "metadata": meta}


def _compare(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Each place where two objects differ, as deep as both have it."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _compare(before.get(key), after.get(key), (*path, f"f:{key}"))
        return
    if isinstance(before, list) and isinstance(after, list) and (keys := _keys_of([*before, *after])):
        ours, theirs = _by_keys(before, keys), _by_keys(after, keys)
        for step in [*ours, *(step for step in theirs if step not in ours)]:
            yield from _compare(ours.get(step), theirs.get(step), (*path, step))
        return
    yield path, before, after


def _keys_of(items: Sequence[Any]) -> tuple[str, ...] | None:
    """What tells a list's items apart, where they are objects that have it."""
    if not all(isinstance(item, dict) for item in items):
        return None
    return next((keys for keys in _KEYS if all(item.get(key) is not None for item in items for key in keys)), None)


def _by_keys(items: Sequence[Any], keys: Sequence[str]) -> dict[str, Any]:
    found = {}
    for item in items:
        named = json.dumps({key: item[key] for key in keys}, separators=(",", ":"))
        found[f"k:{named}"] = item
    return found


def _hidden(change: FieldChange) -> FieldChange:
    """A Secret's values are shown to nobody, not even in base64."""
    if not change.field.startswith((".data", ".stringData")):
        return change
    before, after = (_NOT_SHOWN if value is not None else None for value in (change.before, change.after))
    return replace(change, before=before, after=after)
