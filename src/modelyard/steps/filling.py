"""`${inputs.x}`, `${outputs.x}`, `${params.x}` and `${item}` in a step's own strings."""

import json
import re
from collections.abc import Mapping
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.nearest import closest

_REFERENCE = re.compile(r"\$\{(inputs|outputs|params|item)(?:\.([^}]+))?\}")


def fill(text: str, names: Mapping[str, Any], where: str) -> str:
    """Put values in place of references. `names` has `inputs`, `outputs`, `params`, and `item` where there is one.

    A value that is no string is written as JSON writes it. Raises ModelyardError for a name that is not there.
    """
    return _REFERENCE.sub(lambda match: _text(_look_up(match[1], match[2], names, where)), text)


def _look_up(group: str, key: str | None, names: Mapping[str, Any], where: str) -> Any:
    if group not in names:
        raise _unknown(f"${{{group}}}", [f"${{{name}}}" for name in names], where)
    value = names[group]
    if key is None:
        return value
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            there = list(value) if isinstance(value, Mapping) else []
            raise _unknown(f"${{{group}.{key}}}", [f"${{{group}.{name}}}" for name in there], where)
        value = value[part]
    return value


def _unknown(reference: str, there: list[str], where: str) -> ModelyardError:
    near = closest(reference, there)
    fix = f"did you mean {near}?" if near else f"there is: {', '.join(there) or 'nothing'}"
    return ModelyardError(f"{reference} names nothing", address=where, fix=fix, code="unknown-reference")


def _text(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple | bool) or value is None:
        return json.dumps(value, ensure_ascii=False)
    return str(value)
