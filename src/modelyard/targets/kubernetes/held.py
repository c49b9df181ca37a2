"""The part of an object that one entry of its managedFields speaks of."""

from typing import Any

from modelyard.targets.kubernetes.fields import Tree, is_item, own_tree, parts_of
from modelyard.targets.kubernetes.kinds import Object


def held_part(value: Any, tree: Tree) -> Any:
    """See `fields` for what a tree is. What it ends at is taken whole."""
    steps = parts_of(tree)
    if not steps:
        return value
    if isinstance(value, dict):
        return {step[2:]: held_part(value[step[2:]], below) for step, below in steps.items() if step[2:] in value}
    if isinstance(value, list):
        return [held_part(item, below) for item in value for step, below in steps.items() if is_item(step, item)]
    return value


def as_it_was(obj: Object) -> Object:
    """What we had applied: the fields that are ours by the object's own account of it."""
    meta = obj["metadata"]
    named = {"name": meta["name"], "namespace": meta["namespace"]}
    kept = held_part(obj, own_tree(obj) or {})
    return {
        **kept,
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {**kept.get("metadata", {}), **named},
    }
