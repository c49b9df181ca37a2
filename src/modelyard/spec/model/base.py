"""The base of every section: frozen, closed to unknown keys, open to the user's own `x-` keys.

Typing happens once, after overlays and variables; what leaves here is in its long form and is never checked again.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

OWN_KEY = "x-"


def _own_key(key: str) -> str:
    if not key.startswith(OWN_KEY):
        raise PydanticCustomError("extra_forbidden", "unknown key")
    return key


class Section(BaseModel):
    """A table of the spec."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True, validate_by_name=True, validate_by_alias=True)
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_own_key)], Any]

    @classmethod
    def keys(cls) -> list[str]:
        """The keys that may be written here, as they are written."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    def plain(self, *leave_out: str) -> dict[str, Any]:
        """The section as plain JSON data, long forms, without unset values, `x-` keys and the keys to leave out."""
        data = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=set(leave_out) or None)
        _drop_own_keys(self, data)
        return data


def _drop_own_keys(section: Section, data: dict[str, Any]) -> None:
    for key in section.__pydantic_extra__ or ():
        data.pop(key, None)
    for name, value in section.__dict__.items():
        if isinstance(value, (Section, dict, tuple)):
            field = type(section).model_fields[name]
            _drop_within(value, data.get(field.alias or name))


def _drop_within(value: Any, data: Any) -> None:
    if data is None:
        return
    if isinstance(value, Section):
        _drop_own_keys(value, data)
    elif isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, Section):
                _drop_own_keys(part, data[key])
    elif isinstance(value, tuple):
        for part, plain in zip(value, data, strict=False):
            if isinstance(part, Section):
                _drop_own_keys(part, plain)


NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"
_NAME = re.compile(NAME_PATTERN)


def _name(value: str) -> str:
    if not _NAME.match(value):
        raise PydanticCustomError("name", "a name has lower case letters, digits, `-` and `_`, and begins with no `-`")
    if value.startswith(OWN_KEY):
        raise PydanticCustomError("name", "names that begin with `x-` are kept for your own keys")
    return value


Name = Annotated[str, StringConstraints(max_length=100), AfterValidator(_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
"""The name of a thing inside its section."""


def table_of(key: str) -> BeforeValidator:
    """A before-validator for «one value or a table»: one value stands for `{key: value}`."""

    def widen(value: Any) -> Any:
        return value if isinstance(value, (dict, BaseModel)) or value is None else {key: value}

    return BeforeValidator(widen)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) or value is None else [value]


ListOrOne = BeforeValidator(_as_list)
"""One value stands for a list of one."""
