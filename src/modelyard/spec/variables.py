"""`variables`: what a spec leaves open, and the values it is given for this run."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from modelyard.errors import ModelyardError
from modelyard.nearest import did_you_mean
from modelyard.spec.scalars import NumberError, resolve
from modelyard.spec.tree import Map, nearest_place

ENVIRONMENT_PREFIX = "MODELYARD_VAR_"
_REFERENCE = re.compile(r"(?<!\$)\$\{")


class Missing:
    """A variable that has neither a value nor a default. It is an error where it is used."""


MISSING = Missing()


def variable_values(
    tree: Map, given: Mapping[str, str], environ: Mapping[str, str], errors: list[ModelyardError]
) -> dict[str, Any]:
    """The value of each declared variable: as given, from `MODELYARD_VAR_name`, or its default."""
    declared: Any = tree.get("variables")
    settings = {}
    if isinstance(declared, Map):
        settings = {name: value for name, value in declared.items() if not name.startswith("x-")}
    for name in given:
        if name not in settings:
            fix = did_you_mean(name, settings, "Variables here") or "declare it under `variables`"
            errors.append(ModelyardError(f"the spec has no variable `{name}`", fix=fix, code="variable"))
    values: dict[str, Any] = {}
    for name, setting in settings.items():
        try:
            values[name] = _value(name, setting, given, environ)
        except ModelyardError as error:
            error.where = nearest_place(tree, ("variables", name, "default"))
            error.address = f"variables.{name}"
            errors.append(error)
            values[name] = MISSING
    return values


def _value(name: str, declared: Any, given: Mapping[str, str], environ: Mapping[str, str]) -> Any:
    settings = declared if isinstance(declared, dict) else {"default": declared}
    default = settings.get("default")
    named = settings.get("type")
    kind = KINDS.get(named if isinstance(named, str) else _kind_of(default))
    source, text = _given(name, given, environ)
    if isinstance(default, str) and _REFERENCE.search(default):
        raise ModelyardError(
            "a default cannot refer to anything", fix="write the value itself", code="variable-default"
        )
    if text is None:
        if default is not None and kind and not kind.holds(default):
            raise _wrong(f"the default is not {kind.article}")
        return MISSING if default is None else default
    try:
        return kind.parse(text) if kind else text
    except ValueError:
        article = kind.article if kind else "text"
        raise _wrong(f"`{text[:80]}`, given {source}, is not {article}") from None


def _wrong(what: str) -> ModelyardError:
    return ModelyardError(what, fix="give a value of its `type`", code="variable-type")


def _given(name: str, given: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, str | None]:
    if name in given:
        return f"as `--var {name}=…`", given[name]
    plain = name.replace("-", "_")
    for key in (ENVIRONMENT_PREFIX + plain, ENVIRONMENT_PREFIX + plain.upper()):
        if key in environ:
            return f"by {key}", environ[key]
    return "", None


def _kind_of(default: Any) -> str:
    return next((name for name, kind in KINDS.items() if kind.holds(default)), "string")


class Kind(NamedTuple):
    """A type of variable: how it is called, the values it has, and how it is read from a command line."""

    article: str
    types: tuple[type, ...]
    parse: Callable[[str], Any]

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.types) and (not isinstance(value, bool) or bool in self.types)


def _parse_number(text: str) -> int | float:
    try:
        value = resolve(text.strip() or "?")
    except NumberError as error:
        raise ValueError(str(error)) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(text)
    return value


def _parse_int(text: str) -> int:
    value = _parse_number(text)
    if not isinstance(value, int):
        raise ValueError(text)
    return value


def _parse_bool(text: str) -> bool:
    words = {"true": True, "false": False}
    if text.strip().lower() not in words:
        raise ValueError(text)
    return words[text.strip().lower()]


def _parse_list(text: str) -> list[Any]:
    """A JSON list of plain values, or words with commas between them."""
    if not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",")] if text.strip() else []
    try:
        values = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError(text) from None
    if not isinstance(values, list) or any(isinstance(item, dict | list) for item in values):
        raise ValueError(text)
    return values


def _refuse(text: str) -> Any:
    raise ValueError(text)


KINDS = {
    "bool": Kind("true or false", (bool,), _parse_bool),
    "int": Kind("a whole number", (int,), _parse_int),
    "float": Kind("a number", (int, float), lambda text: float(_parse_number(text))),
    "list": Kind("a list", (list,), _parse_list),
    "string": Kind("text", (str,), str),
}
