"""Laying one tree over another: maps merge, everything else replaces, null removes. Marks go where their values go."""

from typing import Any

from modelyard.spec.tree import Map, Path


def merge(base: Map, over: Map, path: Path = ()) -> Map:
    """`over` laid over `base`; neither is changed, and what is not touched is shared."""
    merged = base.copy()
    for key, value in over.items():
        if value is None and (key in base or not _is_setting(path)):
            merged.pop(key, None)
            merged.marks.pop(key, None)
            continue
        below = base.get(key)
        here = (*path, key)
        if isinstance(value, Map) and isinstance(below, Map) and not _another_target(here, below, value):
            merged[key] = merge(below, value, here)
        else:
            merged[key] = without_null(value, here) if isinstance(value, Map) else value
        merged.marks[key] = over.marks[key]
    return merged


def without_null(tree: Map, path: Path = ()) -> Map:
    """What an overlay adds where the base has nothing: its nulls have nothing to remove."""
    has_some = any(value is None or isinstance(value, Map) for value in tree.values())
    return merge(_empty(), tree, path) if has_some else tree


def _empty() -> Map:
    tree = Map()
    tree.marks = {}
    return tree


def _is_setting(path: Path) -> bool:
    """Whether null may be meant as a value: inside what an engine or a user's code is given."""
    return "params" in path


def _another_target(path: Path, below: dict[str, Any], value: dict[str, Any]) -> bool:
    """`target: {compose: …}` over `target: {kubernetes: …}` names another target, it does not make one with both."""
    is_target = path == ("target",) or (len(path) == 3 and path[0] == "environments" and path[2] == "target")
    return is_target and below.keys() != value.keys()
