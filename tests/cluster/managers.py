"""Who owns which field: server-side apply, and what other writes do to ownership.

Semantics: sigs.k8s.io/structured-merge-diff, `merge/update.go`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster import trees
from cluster.clock import now
from cluster.refusals import conflict
from cluster.schemas import Schema
from cluster.trees import Fields

Object = dict[str, Any]
_NEVER_OWNED = {
    ("f:apiVersion",), ("f:kind",), ("f:metadata",),
    *(("f:metadata", f"f:{name}") for name in (
        "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion",
        "deletionTimestamp", "deletionGracePeriodSeconds",
    )),
}  # fmt: skip


@dataclass(frozen=True)
class Manager:
    name: str
    operation: str
    subresource: str = ""


def owned_by(obj: Mapping[str, Any]) -> dict[Manager, tuple[Fields, str, str]]:
    """Fields, apiVersion and time of each entry of an object's managed fields."""
    found = {}
    for entry in obj["metadata"].get("managedFields") or ():
        manager = Manager(entry["manager"], entry["operation"], entry.get("subresource", ""))
        found[manager] = (trees.read(entry["fieldsV1"]), entry.get("apiVersion", ""), entry.get("time", ""))
    return found


def applied(schema: Schema, live: Object, wanted: Object, manager: Manager, force: bool) -> Object:
    """`live` after an apply of `wanted`: fields that the manager named before and does not any more are gone."""
    config = trees.tree_of(schema, _stripped(wanted))
    names = _own(trees.leaves(config))
    there = trees.tree_of(schema, live)
    before, owners = trees.leaves(there), owned_by(live)
    values = trees.leaves(config)
    changed = {path for path in names if path not in before or before[path] != values[path]}
    clashes = [
        (path, other)
        for other, (fields, _, _) in owners.items()
        if other != manager
        for path in sorted(fields & changed)
    ]
    if clashes and not force:
        raise conflict([(trees.shown(path), _said(other, *owners[other][1:])) for path, other in clashes])
    merged = trees.merged(there, config)
    others = {path for other, (fields, _, _) in owners.items() if other != manager for path in fields}
    mine = owners.get(manager, (frozenset(), "", ""))[0]
    for path in sorted(mine - names, key=len):
        if not any(other[: len(path)] == path for other in others):
            trees.remove(merged, path)
    result: Object = trees.value_of(merged)
    taken = frozenset(path for path, _ in clashes)
    kept = {other: (fields - taken, version, time) for other, (fields, version, time) in owners.items()}
    old = owners.get(manager)
    time = old[2] if old and old[0] == names else now()
    kept[manager] = (frozenset(names), wanted["apiVersion"], time)
    return _with(result, kept)


def updated(schema: Schema, live: Object | None, new: Object, manager: Manager) -> Object:
    """`new` with its owners: what changed is the manager's, what is gone is nobody's."""
    before = trees.leaves(trees.tree_of(schema, live)) if live else {}
    after = trees.leaves(trees.tree_of(schema, _stripped(new)))
    changed = _own({path: value for path, value in after.items() if path not in before or before[path] != value})
    owners = owned_by(live) if live else {}
    there = frozenset(after)
    kept = {
        other: ((fields if other == manager else fields - changed) & there, version, time)
        for other, (fields, version, time) in owners.items()
    }
    old, _, _ = kept.get(manager, (frozenset(), "", ""))
    if changed:
        kept[manager] = (old | changed, new["apiVersion"], now())
    return _with(new, kept)


def _said(manager: Manager, version: str, time: str) -> str:
    """As a conflict's message names it."""
    text = json.dumps(manager.name)
    if manager.subresource:
        text += f" with subresource {json.dumps(manager.subresource)}"
    return f"{text} using {version} at {time}" if manager.operation == "Update" else text


def _with(obj: Object, owners: Mapping[Manager, tuple[Fields, str, str]]) -> Object:
    entries = []
    for manager, (fields, version, time) in owners.items():
        if fields:
            entry = {
                "manager": manager.name, "operation": manager.operation, "apiVersion": version, "time": time,
                "fieldsType": "FieldsV1", "fieldsV1": trees.written(fields),
            }  # fmt: skip
            entries.append(entry | ({"subresource": manager.subresource} if manager.subresource else {}))
    return {**obj, "metadata": {**obj["metadata"], "managedFields": entries}}


def _own(found: Mapping[trees.Path, Any]) -> Fields:
    return frozenset(path for path in found if path not in _NEVER_OWNED and path[:2] not in _NEVER_OWNED)


def _stripped(obj: Object) -> Object:
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": meta}
