"""`when`: conditions that are known as soon as the spec is."""

from collections.abc import Mapping
from typing import Any

from modelyard.errors import ModelyardError


def holds(condition: str, params: Mapping[str, Any], variables: Mapping[str, Any], item: Any = None) -> bool:
    """Evaluate a CEL condition over `params`, `var` and `item`. Raises ModelyardError (code `condition`)."""
    from modelyard.cel import evaluate

    try:
        value = evaluate(condition, {"params": dict(params), "var": dict(variables), "item": item})
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelyardError(f"`{condition}` cannot be evaluated: {error}", code="condition") from None
    if not isinstance(value, bool):
        fix = "Write a comparison, as in `params.size > 0`."
        raise ModelyardError(f"`{condition}` is {value!r}, not true or false", code="condition", fix=fix)
    return value
