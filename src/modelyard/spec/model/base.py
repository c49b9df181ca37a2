"""The base of every section: frozen, closed to unknown keys, open to the user's own `x-` keys.

Typing happens once, after overlays and variables; what leaves here is in its long form and is never checked again.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import core_schema

from modelyard.spec.forms import as_list, no_truth, under
from modelyard.spec.plain import Plain

OWN_KEY = "x-"
Json = dict[str, Any]


class _OwnKey:
    """Keys beside the known ones must be the user's own."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        text = core_schema.str_schema(pattern=f"^{OWN_KEY}")
        return core_schema.custom_error_schema(text, "extra_forbidden")


@contextmanager
def _no_plugins() -> Iterator[None]:
    """pydantic looks through all installed distributions for plugins when it builds a model: 30 ms for none."""
    before = os.environ.get("PYDANTIC_DISABLE_PLUGINS")
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYDANTIC_DISABLE_PLUGINS"]
        else:
            os.environ["PYDANTIC_DISABLE_PLUGINS"] = before


def _refuse_truth(holder: Any) -> None:
    """Where a field's value is a number, a truth value is none."""
    schema = holder["schema"]
    if schema["type"] in ("default", "nullable"):
        _refuse_truth(schema)
    elif schema["type"] in ("int", "float"):
        kind = f"{schema['type']}_type"
        holder["schema"] = core_schema.no_info_before_validator_function(partial(no_truth, kind), schema)


class Section(BaseModel, Plain):
    """A table of the spec."""

    model_config = ConfigDict(
        frozen=True, extra="allow", defer_build=True, validate_by_name=True, validate_by_alias=True
    )
    if not TYPE_CHECKING:
        __pydantic_extra__: dict[Annotated[str, _OwnKey()], Any]

    @classmethod
    def model_rebuild(cls, **options: Any) -> bool | None:
        with _no_plugins():
            return super().model_rebuild(**options)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        made: core_schema.CoreSchema = handler(source)
        fields: Any = handler.resolve_ref_schema(made)
        while "fields" not in fields:
            fields = fields["schema"]
        for field in fields["fields"].values():
            _refuse_truth(field)
        return made

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: Any) -> Json:
        published: Json = handler(schema)
        table: Json = handler.resolve_ref_schema(published)
        if "properties" in table:
            table["additionalProperties"] = False
            table["patternProperties"] = {f"^{OWN_KEY}": {}}
        return published

    @classmethod
    @cache
    def renamed(cls) -> dict[str, str]:
        return {name: field.alias for name, field in cls.model_fields.items() if field.alias}

    @classmethod
    def keys(cls) -> list[str]:
        """The keys that may be written here, as they are written."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class Matching:
    """Text of one pattern, checked by pydantic's core: no Python runs for it."""

    def __init__(self, pattern: str, kind: str, message: str, published: str | None = None) -> None:
        self.pattern, self.kind, self.message, self.published = pattern, kind, message, published or pattern

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        text = core_schema.str_schema(pattern=self.pattern, strict=True)
        return core_schema.custom_error_schema(text, self.kind, custom_error_message=self.message)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": self.published}


class Parsed:
    """Text (or a number) that a function turns into a value. pydantic's own validators look at every signature."""

    def __init__(self, parse: Callable[[Any], Any], published: Json) -> None:
        self.parse, self.published = parse, published

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Json:
        return dict(self.published)


NAME_PATTERN = r"^(?:x(?:[a-z0-9_][a-z0-9_-]*)?|[a-wyz0-9][a-z0-9_-]*)$"
NAME_RULE = "a name has lower case letters, digits, `-` and `_`, and begins neither with `-` nor with `x-`"

Name = Annotated[str, Matching(NAME_PATTERN, "name", NAME_RULE)]
"""The name of a thing inside its section. Names like `x-…` are left to the user's own keys."""


class Widened:
    """A before-validator for short forms. It publishes them, so that editors accept what the loader does.

    `short` is what may stand for the long form, as JSON Schema: given the long form's, with its `$ref` followed. With
    `instead` the long form is what a spec is dumped as, and nobody writes it.
    """

    def __init__(self, widen: Callable[[Any], Any], short: Callable[[Json], Json], *, instead: bool = False) -> None:
        self.widen, self.short, self.instead = widen, short, instead

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.widen, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Json:
        long: Json = handler(schema)
        short = self.short(handler.resolve_ref_schema(long))
        return short if self.instead else {"anyOf": [short, long]}


def table_of(key: str) -> Widened:
    """«One value or a table»: one value stands for `{key: value}`."""

    def short(table: Json) -> Json:
        while "anyOf" in table and "properties" not in table:
            table = table["anyOf"][0]
        return {name: part for name, part in table["properties"][key].items() if name not in ("default", "examples")}

    return Widened(partial(under, key), short)


def _items(array: Json) -> Json:
    items: Json = array.get("items", {})
    return items


ListOrOne = Widened(as_list, _items)
"""One value stands for a list of one."""
