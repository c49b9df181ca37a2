"""The space of a study's parameters, as Optuna's distributions."""

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from modelyard.errors import ModelyardError

_SCALARS = (bool, int, float, str, type(None))


def suggest(trial: Trial, space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The trial's value of every parameter, in the order of their names."""
    return {name: decode(trial._suggest(name, distribution(name, space[name])), space[name]) for name in sorted(space)}


def distribution(name: str, settings: Mapping[str, Any]) -> BaseDistribution:
    """Raises ModelyardError for a range that Optuna refuses (from above to, log of zero, log with step)."""
    try:
        if settings.get("choices") is not None:
            return CategoricalDistribution([encode(choice) for choice in settings["choices"]])
        low, high, log, step = settings["from"], settings["to"], bool(settings.get("log")), settings.get("step")
        if settings.get("int"):
            return IntDistribution(int(low), int(high), log=log, step=int(step or 1))
        return FloatDistribution(float(low), float(high), log=log, step=step)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelyardError(f"the space of `{name}` is not possible: {error}", code="bad-space") from error


def decode(value: Any, settings: Mapping[str, Any]) -> Any:
    """A choice that is a list or a table travels through Optuna as JSON."""
    for choice in settings.get("choices") or ():
        if not isinstance(choice, _SCALARS) and encode(choice) == value:
            return choice
    return value


def grid(space: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """All values of each parameter. Raises ModelyardError for a range without a step."""
    values: dict[str, list[Any]] = {}
    for name, settings in space.items():
        if settings.get("choices") is not None:
            values[name] = [encode(choice) for choice in settings["choices"]]
        elif settings.get("step") or settings.get("int"):
            values[name] = _steps(settings["from"], settings["to"], settings.get("step") or 1)
        else:
            raise ModelyardError(
                f"the sampler `grid` needs a `step` for `{name}`, or a list of values", code="bad-space"
            )
    return values


def _steps(low: float, high: float, step: float) -> list[Any]:
    return [low + index * step for index in range(int((high - low) / step + 1e-9) + 1)]


def encode(choice: Any) -> Any:
    return choice if isinstance(choice, _SCALARS) else json.dumps(choice, sort_keys=True)
