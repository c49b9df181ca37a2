"""Objects as trees whose branches are what one manager can own by itself; field sets, and their written form.

A path is a tuple of steps as `fieldsV1` writes them: `f:NAME` a field, `k:{…}` an item of a list by its keys, `v:…` an
item of a set.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cluster import schemas
from cluster.schemas import Schema

Path = tuple[str, ...]
Fields = frozenset[Path]
Tree = dict[str, Any]
"""Steps to sub-trees; a leaf is a `Leaf`."""


class Leaf:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Leaf) and self.value == other.value

    def __hash__(self) -> int:
        return hash(json.dumps(self.value, sort_keys=True))


class Branch(dict[str, Any]):
    """`shape` says what it is as a value: `map`, `list` (of items by key) or `set`."""

    def __init__(self, shape: str) -> None:
        super().__init__()
        self.shape = shape


Node = Leaf | Branch


def tree_of(schema: Schema, value: Any) -> Node:
    if isinstance(value, Mapping) and schemas.is_granular(schema):
        branch = Branch("map")
        for key, one in value.items():
            if one is not None:
                branch[f"f:{key}"] = tree_of(schemas.child(schema, key), one)
        return branch
    if isinstance(value, list) and (keys := schemas.map_keys(schema)) and all(isinstance(i, Mapping) for i in value):
        branch = Branch("list")
        for item in value:
            branch[_key(keys, item)] = tree_of(schemas.items(schema), item)
        return branch
    if isinstance(value, list) and schemas.is_set(schema):
        branch = Branch("set")
        for item in value:
            branch[f"v:{json.dumps(item)}"] = Leaf(item)
        return branch
    return Leaf(value)


def _key(keys: tuple[str, ...], item: Mapping[str, Any]) -> str:
    named = {key: item.get(key, schemas.KEY_DEFAULTS.get(key)) for key in sorted(keys)}
    text = json.dumps({key: value for key, value in named.items() if value is not None}, separators=(",", ":"))
    return f"k:{text}"


def value_of(node: Node) -> Any:
    if isinstance(node, Leaf):
        return node.value
    if node.shape == "map":
        return {step[2:]: value_of(one) for step, one in node.items()}
    return [value_of(one) for one in node.values()]


def leaves(node: Node, path: Path = ()) -> dict[Path, Any]:
    """What can be owned, with its value: leaves, empty branches, and items of lists themselves (value None)."""
    if isinstance(node, Leaf):
        return {path: node.value}
    found: dict[Path, Any] = {}
    if path and not node:
        found[path] = [] if node.shape != "map" else {}
    for step, one in node.items():
        if step.startswith("k:"):
            found[*path, step] = None
        found |= leaves(one, (*path, step))
    return found


def merged(live: Node, wanted: Node) -> Node:
    if not (isinstance(live, Branch) and isinstance(wanted, Branch) and live.shape == wanted.shape):
        return wanted
    both = Branch(live.shape)
    for step in _order(live, wanted):
        if step in live and step in wanted:
            both[step] = merged(live[step], wanted[step])
        else:
            both[step] = wanted[step] if step in wanted else live[step]
    return both


def _order(live: Branch, wanted: Branch) -> list[str]:
    """As it is, new ones last; but where items of a list come in another order, as wanted."""
    shared = [step for step in live if step in wanted]
    if live.shape == "list" and shared != [step for step in wanted if step in live]:
        return [*wanted, *(step for step in live if step not in wanted)]
    return [*live, *(step for step in wanted if step not in live)]


def remove(node: Node, path: Path) -> None:
    """Take away what is at a path, and the maps above it that it leaves empty."""
    trail: list[tuple[Branch, str]] = []
    for step in path:
        if not isinstance(node, Branch) or step not in node:
            return
        trail.append((node, step))
        node = node[step]
    for number, (branch, step) in enumerate(reversed(trail)):
        if number and branch[step]:
            return
        del branch[step]


def written(fields: Iterable[Path]) -> dict[str, Any]:
    """As `fieldsV1`."""
    root: dict[str, Any] = {}
    for path in sorted(fields):
        place = root
        for step in path:
            place = place.setdefault(step, {})
        if path[-1].startswith("k:"):
            place["."] = {}
    return root


def read(fields_v1: Mapping[str, Any], path: Path = ()) -> Fields:
    found: set[Path] = set()
    for step, inner in fields_v1.items():
        if step == ".":
            found.add(path)
        elif not inner:
            found.add((*path, step))
        else:
            found |= read(inner, (*path, step))
    return frozenset(found)


def shown(path: Path) -> str:
    """As in a conflict's message: `.spec.template.spec.containers[name="api"].image`."""
    text = ""
    for step in path:
        if step.startswith("k:"):
            pairs = json.loads(step[2:]).items()
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in pairs) + "]"
        elif step.startswith("v:"):
            text += f"[={step[2:]}]"
        else:
            text += f".{step[2:]}"
    return text
