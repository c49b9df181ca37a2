"""`when`: conditions that are known as soon as the spec is."""

from collections.abc import Mapping
from typing import Any

from modelyard.errors import ModelyardError

_VAR = "variables"


def holds(condition: str, params: Mapping[str, Any], variables: Mapping[str, Any], item: Any = None) -> bool:
    """Evaluate a CEL condition over `params`, `var` and `item`. Raises ModelyardError (code `condition`)."""
    from modelyard.cel import evaluate

    try:
        names = {"params": dict(params), _VAR: dict(variables), "item": item}
        value = evaluate(_without_reserved(condition), names)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelyardError(f"`{condition}` cannot be evaluated: {error}", code="condition") from None
    if not isinstance(value, bool):
        fix = "Write a comparison, as in `params.size > 0`."
        raise ModelyardError(f"`{condition}` is {value!r}, not true or false", code="condition", fix=fix)
    return value


def _without_reserved(condition: str) -> str:
    """`var` is reserved in CEL, and what our spec calls variables."""
    from modelyard.spec.cel import names_in

    for name in sorted(names_in(condition), key=lambda name: -name.offsets[0]):
        if name.path[0] == "var":
            start = name.offsets[0]
            condition = f"{condition[:start]}{_VAR}{condition[start + 3 :]}"
    return condition
