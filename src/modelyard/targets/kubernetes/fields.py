"""Who holds which field of an object: `metadata.managedFields`, read beside the object that it speaks of.

A set of fields is a tree: `f:name` is a key of a map, `k:{"name":"api"}` an item of a list by its keys, `v:"x"` an item
of a list by its value; an empty tree is a field held whole, `.` the thing itself beside what is in it.
https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.names import MANAGER, PREFIX

Tree = Mapping[str, Any]
Same = Callable[[Any, Any], bool]
APPLIED = PREFIX + "applied"
"""An annotation: the digest of what was asked for the last time."""
_UNHELD = ("apiVersion", "kind", "status")
_UNHELD_META = ("name", "namespace", "uid", "resourceVersion", "managedFields", "creationTimestamp", "generation")


@dataclass(frozen=True, slots=True)
class Holder:
    """One entry of managedFields. `applied`: from manifests; else changed in place. `at` in RFC 3339."""

    manager: str
    applied: bool
    at: str | None
    subresource: str
    tree: Tree

    @property
    def ours(self) -> bool:
        return self.manager == MANAGER and self.applied and not self.subresource


def holders(obj: Object) -> list[Holder]:
    return [
        Holder(
            str(entry.get("manager") or "?"),
            entry.get("operation") == "Apply",
            entry.get("time"),
            str(entry.get("subresource") or ""),
            entry.get("fieldsV1") or {},
        )
        for entry in obj["metadata"].get("managedFields") or ()
    ]


def own_tree(obj: Object) -> Tree | None:
    """What we have applied of it."""
    return next((holder.tree for holder in holders(obj) if holder.ours), None)


def is_as_applied(live: Object, wanted: Object) -> bool:
    """Whether to apply `wanted` would change nothing: we hold just its fields, and they have its values.

    False may also mean that the server writes a value in another way (`1000m` as `1`): then it is to be asked.
    """
    ours = own_tree(live)
    if ours is None:
        return False
    # With the digest of what was asked for it is known that nothing was taken out of a field that is held whole: what
    # it has beyond that are the server's defaults, such as those within a claim's template.
    same = _within if APPLIED in (wanted["metadata"].get("annotations") or {}) else _equal
    return _agrees(ours, _held(wanted), _held(live), same)


def parts_of(tree: Tree) -> Tree:
    """The fields below it; none where it is held whole."""
    return {step: below for step, below in tree.items() if step != "."}


def _held(obj: Object) -> Object:
    """Without what nobody holds: names, and what the server writes."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in _UNHELD_META}
    return {**{key: value for key, value in obj.items() if key not in _UNHELD}, "metadata": meta}


def _equal(wanted: Any, live: Any) -> bool:
    return bool(wanted == live) or (not wanted and not live and not isinstance(wanted, int | str))


def _within(wanted: Any, live: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(_within(value, live.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(map(_within, wanted, live))
    return _equal(wanted, live)


def _agrees(tree: Tree, wanted: Any, live: Any, same: Same) -> bool:
    children = parts_of(tree)
    if not children:
        return same(wanted, live)
    if isinstance(wanted, dict) and isinstance(live, dict):
        return {f"f:{key}" for key in wanted} == children.keys() and all(
            _agrees(children[f"f:{key}"], value, live.get(key), same) for key, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(live, list):
        return _lists_agree(children, wanted, live, same)
    return False


def _lists_agree(children: Tree, wanted: Sequence[Any], live: Sequence[Any], same: Same) -> bool:
    """Items are the same by their keys, in the same order; those that others added between do not matter."""
    if len(wanted) != len(children):
        return False
    at = -1
    for item in wanted:
        step = next((step for step in children if is_item(step, item)), None)
        if step is None:
            return False
        place = next((i for i, other in enumerate(live) if is_item(step, other)), None)
        if place is None or place <= at:
            return False
        at = place
        if not step.startswith("v:") and not _item_agrees(step, children[step], item, live[place], same):
            return False
    return True


def _item_agrees(step: str, tree: Tree, wanted: Any, live: Any, same: Same) -> bool:
    """A key that the server gave its default (`protocol: TCP`) is in the tree although we do not name it."""
    defaulted = [f"f:{key}" for key in json.loads(step[2:]) if key not in wanted]
    return _agrees({name: child for name, child in tree.items() if name not in defaulted}, wanted, live, same)


def is_item(step: str, item: Any) -> bool:
    """Whether a list's item is the one that `step` names."""
    name = json.loads(step[2:])
    if step.startswith("v:"):
        return bool(item == name)
    return isinstance(item, dict) and all(item.get(key, value) == value for key, value in name.items())


def holder_of(obj: Object, path: Sequence[str]) -> Holder | None:
    """The one beside us that holds a field, or a part of it: the latest, of several."""
    found = [holder for holder in holders(obj) if not holder.ours and _reaches(holder.tree, path)]
    return max(found, key=lambda holder: holder.at or "", default=None)


def holds(obj: Object, path: Sequence[str]) -> bool:
    """Whether we hold it."""
    return any(holder.ours and _reaches(holder.tree, path) for holder in holders(obj))


def _reaches(tree: Tree, path: Sequence[str]) -> bool:
    """`path` is of the tree's own steps. A tree that ends above it holds it whole."""
    if not path:
        return True
    first = path[0]
    found = first if first in tree else next((step for step in tree if _same_item(step, first)), None)
    if found is None:
        return False
    child = parts_of(tree[found])
    return not child or _reaches(child, path[1:])


def _same_item(step: str, other: str) -> bool:
    """Items by keys, where one side names fewer of them than the server: `name` of a port, and not its protocol."""
    if not (step.startswith("k:") and other.startswith("k:")):
        return False
    known, asked = json.loads(step[2:]), json.loads(other[2:])
    return all(known.get(key) == value for key, value in asked.items())


def field_name(path: Sequence[str]) -> str:
    """`.spec.template.spec.containers[name="api"].image`, as kubectl writes it."""
    return "".join(_named(path)) or "."


def _named(path: Sequence[str]) -> Iterator[str]:
    for step in path:
        kind, _, name = step.partition(":")
        if kind == "f":
            yield f".{name}" if "." not in name and "/" not in name else f'["{name}"]'
        elif kind == "k":
            yield f"[{','.join(f'{key}={json.dumps(value)}' for key, value in json.loads(name).items())}]"
        else:
            yield f"[{name}]"
