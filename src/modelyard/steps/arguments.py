"""What a user's function is called with: values by name, in the form that its annotations ask for."""

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.nearest import closest
from modelyard.steps.outputs import read_folder

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def bind(
    function: Callable[..., Any],
    call: str,
    values: Mapping[str, Any],
    parts: list[Path],
    offered: Mapping[str, Any],
    optional: Iterable[str] = (),
) -> dict[str, Any]:
    """Arguments for `function`.

    Every one of `values` must have a parameter, `optional` ones apart; `parts` go to the first parameter that nothing
    else fills; of what is `offered` a function takes what it names. Raises ModelyardError, naming what does not fit.
    """
    signature = inspect.signature(function)
    hints = _hints(function)
    takes = {name for name, parameter in signature.parameters.items() if parameter.kind in _BY_NAME}
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    arguments = {}
    for name, value in values.items():
        argument = name.replace("-", "_")
        if argument in takes or takes_all:
            arguments[argument] = _as_asked(value, hints.get(argument))
        elif name not in optional:
            raise _too_much(call, name, sorted(takes))
    pending = list(parts)
    for name, parameter in signature.parameters.items():
        if name in arguments or parameter.kind not in _BY_NAME:
            continue
        if name in offered:
            arguments[name] = offered[name]
        elif pending:
            arguments[name] = _as_asked(pending, hints.get(name))
            pending = []
        elif parameter.default is inspect.Parameter.empty:
            raise _missing(call, name, [*values, *offered])
    if pending:
        raise ModelyardError(
            f"{call} takes no parts", fix="give it a first parameter: `parts: list[Path]`", code="bad-call"
        )
    return arguments


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - annotations are free text: those that do not resolve count as none
        return {}


def _as_asked(value: Any, hint: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], Path):
        inner = typing.get_args(hint)
        return [_as_asked(item, inner[0] if inner else None) for item in value]
    if not isinstance(value, Path):
        return value
    asked = f"{getattr(hint, '__module__', '')}.{getattr(hint, '__qualname__', '')}"
    if asked.startswith("pandas.") and asked.endswith(".DataFrame"):
        return read_folder(value).to_pandas()
    if asked.startswith("pyarrow.") and asked.endswith(".Table"):
        return read_folder(value)
    if asked.startswith("polars.") and asked.endswith(".DataFrame"):
        import polars

        return polars.from_arrow(read_folder(value))
    return str(value) if hint is str else value


def _too_much(call: str, name: str, takes: list[str]) -> ModelyardError:
    near = closest(name, takes)
    fix = f"did you mean `{near}`?" if near else f"it takes: {', '.join(takes) or 'nothing'}"
    return ModelyardError(f"{call} has no parameter `{name}`, which the spec gives it", fix=fix, code="bad-call")


def _missing(call: str, name: str, there: list[str]) -> ModelyardError:
    near = closest(name, there)
    fix = f"name `{name}` under the step's inputs or params, or give it a default"
    return ModelyardError(
        f"{call} needs `{name}`, which neither inputs nor params name",
        fix=f"did you mean `{near}`? Else {fix}" if near else fix,
        code="bad-call",
    )
