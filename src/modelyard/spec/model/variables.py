"""`variables`: what a spec leaves open."""

from typing import Annotated, Any, Literal

from pydantic import Field

from modelyard.spec.forms import variable
from modelyard.spec.model.base import Json, Section, Widened

VariableType = Literal["string", "int", "float", "bool", "list"]


class VariableSettings(Section):
    """A value given with `--var`, or the default. Without a default it must be given."""

    type: VariableType = Field(default="string", description="What kind of value it is.", examples=["int"])
    default: str | int | float | bool | list[Any] | None = Field(
        default=None, description="The value where none is given.", examples=[200]
    )
    description: str | None = Field(default=None, description="What it is for.", examples=["Boosting rounds"])


def _plain(long: Json) -> Json:
    return {"type": ["string", "number", "boolean", "array"]}


Variable = Annotated[VariableSettings, Widened(variable, _plain)]
