"""From the short forms that people write to the one long form, field by field. Imported where no pydantic is."""

from typing import Any

AGGREGATIONS = ("sum", "mean", "min", "max", "count", "std", "first", "last")
SPLIT_NAMES = ("train", "val", "test")
_TYPES = {str: "string", bool: "bool", int: "int", float: "float"}
_LISTS = (list, tuple)


def as_list(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) or value is None else [value]


def no_truth(kind: str, value: Any) -> Any:
    """Refuse `true` and `false` where a number is wanted: pydantic takes them for 1 and 0."""
    if isinstance(value, bool):
        from pydantic_core import PydanticKnownError

        raise PydanticKnownError(kind)  # type: ignore[arg-type]  # `int_type` or `float_type`
    return value


def under(key: str, value: Any) -> Any:
    """«One value or a table»: one value stands for `{key: value}`."""
    return value if isinstance(value, dict) or value is None or is_section(value) else {key: value}


def switched(key: str, value: Any) -> Any:
    """`true` takes the defaults, `false` is nothing, one value stands for `{key: value}`."""
    if isinstance(value, bool):
        return {} if value else None
    return under(key, value)


def is_section(value: Any) -> bool:
    """Whether it is typed already: by pydantic's model, or by what stands for it."""
    return hasattr(value, "__pydantic_fields_set__")


def name_and_arguments(value: Any) -> Any:
    """`{name: {arguments}}` or a bare `name`, as `{name: …, kwargs: …}`."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and len(value) == 1 and "name" not in value:
        name, kwargs = next(iter(value.items()))
        return {"name": name, "kwargs": {} if kwargs is None else kwargs}
    return value


def column(value: Any) -> Any:
    if isinstance(value, str):
        return {"sql": value}
    if isinstance(value, dict) and "agg" not in value:
        for aggregation in AGGREGATIONS:
            if aggregation in value:
                rest = {key: part for key, part in value.items() if key != aggregation}
                return {"agg": aggregation, "column": value[aggregation], **rest}
    return value


def prediction_window(value: Any) -> Any:
    if isinstance(value, str) and value.endswith(" predictions"):
        return value.removesuffix(" predictions").replace("_", "").strip()
    return value


def ui_port(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    return {"port": value} if isinstance(value, int) else value


def to_production() -> Any:
    return {"production": "auto"}


def fixed_replicas(value: Any) -> Any:
    return {"min": value, "max": value} if isinstance(value, int) else value


def gather_fractions(value: Any) -> Any:
    if not isinstance(value, dict) or "fractions" in value:
        return value
    fractions = {name: value[name] for name in SPLIT_NAMES if name in value}
    return {"fractions": fractions, **{key: part for key, part in value.items() if key not in fractions}}


def named_outputs(value: Any) -> Any:
    return {name: {} for name in value} if isinstance(value, list) else value


def local_target() -> Any:
    return {"local": {}}


def tracking_volume() -> Any:
    return {"size": 10 << 30}


def target_by_name(value: Any) -> Any:
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict) and len(value) == 1:
        return {name: {} if settings is None else settings for name, settings in value.items()}
    return value


def target_column(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value, "sql": value}
    if isinstance(value, dict) and len(value) == 1:
        name, sql = next(iter(value.items()))
        return {"name": name, "sql": name if sql is None else sql}
    return value


def search_range(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return {"choices": value}
    if isinstance(value, dict) and "from" in value and "int" not in value and not value.get("log_float"):
        bounds = [value.get("from"), value.get("to"), value.get("step")]
        return {**value, "int": all(isinstance(bound, int) for bound in bounds if bound is not None)}
    return value


def gather_objectives(value: Any) -> Any:
    """`maximize: m` and `minimize: m` as `objectives: {m: …}`; written both ways, both stay and are refused."""
    if not isinstance(value, dict) or "objectives" in value:
        return value
    goals: dict[str, str] = {}
    for direction in ("maximize", "minimize"):
        named = value.get(direction)
        for metric in [named] if isinstance(named, str) else named or ():
            goals[metric] = direction
    rest = {key: part for key, part in value.items() if key not in ("maximize", "minimize")}
    return {**rest, "objectives": goals} if goals else value


def variable(value: Any) -> Any:
    type_ = "list" if isinstance(value, _LISTS) else _TYPES.get(type(value))
    return {"type": type_, "default": value} if type_ else value


def version_number(given: Any) -> Any:
    """Refuse `true` and `1.0`, which Python takes for equal to 1."""
    if isinstance(given, bool | float):
        from pydantic_core import PydanticKnownError

        raise PydanticKnownError("literal_error", {"expected": "1"})
    return given
