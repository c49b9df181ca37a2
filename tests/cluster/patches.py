"""The other patches: JSON Patch, JSON Merge Patch, and Kubernetes' strategic merge patch."""

from collections.abc import Mapping
from typing import Any

from cluster import schemas
from cluster.refusals import Refusal
from cluster.schemas import Schema


def merge_patch(value: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, one in patch.items():
        if one is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), one)
    return result


def strategic_patch(schema: Schema, value: Any, patch: Any) -> Any:
    """Lists with a merge key merge by it; `$patch: delete` takes an item away."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, one in patch.items():
        if key.startswith("$"):
            continue
        inner = schemas.child(schema, key)
        if one is None:
            result.pop(key, None)
        elif isinstance(one, list) and (merge_key := inner.get("x-kubernetes-patch-merge-key")):
            result[key] = _merged_list(inner, merge_key, result.get(key) or [], one)
        elif isinstance(one, list) and schemas.is_set(inner):
            result[key] = [*(result.get(key) or []), *(item for item in one if item not in (result.get(key) or ()))]
        else:
            result[key] = strategic_patch(inner, result.get(key), one)
    return result


def _merged_list(schema: Schema, key: str, value: list[Any], patch: list[Any]) -> list[Any]:
    result = list(value)
    for item in patch:
        place = next((n for n, one in enumerate(result) if one.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(item)
        else:
            result[place] = strategic_patch(schemas.items(schema), result[place], item)
    return result


def json_patch(value: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902, as far as `add`, `replace`, `remove` and `test` go."""
    for one in operations:
        *path, last = [step.replace("~1", "/").replace("~0", "~") for step in one["path"].split("/")[1:]]
        place = value
        for step in path:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        at: Any = len(place) if last == "-" else int(last) if isinstance(place, list) else last
        match one["op"]:
            case "add" if isinstance(place, list):
                place.insert(at, one["value"])
            case "add" | "replace":
                place[at] = one["value"]
            case "remove":
                del place[at]
            case "test":
                found = place.get(at) if isinstance(place, Mapping) else place[at]
                if found != one["value"]:
                    raise Refusal(422, f"the server rejected our request: testing {one['path']} failed")
    return value
