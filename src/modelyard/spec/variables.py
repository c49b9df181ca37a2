"""`variables`: what a spec leaves open, and the values it is given for this run."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.spec.scalars import NumberError, resolve
from modelyard.spec.suggest import did_you_mean
from modelyard.spec.tree import Map, nearest_place

ENVIRONMENT_PREFIX = "MODELYARD_VAR_"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class Missing:
    """A variable that has neither a value nor a default. It is an error where it is used."""


MISSING = Missing()


def variable_values(
    tree: Map, given: Mapping[str, str], environ: Mapping[str, str], errors: list[ModelyardError]
) -> dict[str, Any]:
    """The value of each declared variable: as given, from `MODELYARD_VAR_name`, or its default."""
    declared: Any = tree.get("variables")
    names = [key for key in declared if not key.startswith("x-")] if isinstance(declared, Map) else []
    for name in given:
        if name not in names:
            fix = did_you_mean(name, names, "Variables here") or "declare it under `variables`"
            errors.append(ModelyardError(f"the spec has no variable `{name}`", fix=fix, code="variable"))
    return {name: _value(tree, name, declared[name], given, environ, errors) for name in names}


def _value(
    tree: Map, name: str, declared: Any, given: Mapping[str, str], environ: Mapping[str, str], errors: list[ModelyardError]
) -> Any:
    settings = declared if isinstance(declared, dict) else {"default": declared}
    default = settings.get("default")
    kind = settings.get("type") or _kind_of(default)
    source, text = _given(name, given, environ)
    path = ("variables", name)
    if text is None:
        if default is None:
            return MISSING
        wanted = _KINDS.get(kind) if isinstance(kind, str) else None
        if isinstance(declared, dict) and wanted and not wanted.holds(default):
            errors.append(_wrong(tree, (*path, "default"), f"the default is not {wanted.article}", "variable-type"))
        return default
    wanted = _KINDS.get(kind) if isinstance(kind, str) else None
    try:
        return wanted.parse(text) if wanted else text
    except ValueError:
        assert wanted
        what = f"`{text[:80]}`, given {source}, is not {wanted.article}"
        errors.append(_wrong(tree, path, what, "variable-type"))
        return MISSING


def _given(name: str, given: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, str | None]:
    if name in given:
        return f"as `--var {name}=…`", given[name]
    key = ENVIRONMENT_PREFIX + name.replace("-", "_")
    for spelling in (key, ENVIRONMENT_PREFIX + name.replace("-", "_").upper()):
        if spelling in environ:
            return f"by {spelling}", environ[spelling]
    return "", None


def _wrong(tree: Map, path: tuple[str, ...], what: str, code: str) -> ModelyardError:
    return ModelyardError(
        what, where=nearest_place(tree, path), address=".".join(path), fix="give a value of its `type`", code=code
    )


def _kind_of(default: Any) -> str:
    for kind, is_kind in _KINDS.items():
        if is_kind.holds(default):
            return kind
    return "string"


class _Kind:
    def __init__(self, article: str, types: tuple[type, ...], parse: Callable[[str], Any]) -> None:
        self.article = article
        self.types = types
        self.parse = parse

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.types) and (not isinstance(value, bool) or bool in self.types)


def _parse_number(text: str) -> Any:
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


_KINDS = {
    "bool": _Kind("true or false", (bool,), _parse_bool),
    "int": _Kind("a whole number", (int,), _parse_int),
    "float": _Kind("a number", (int, float), lambda text: float(_parse_number(text))),
    "list": _Kind("a list", (list,), _parse_list),
    "string": _Kind("text", (str,), str),
}
