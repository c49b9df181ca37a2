"""`expectations`: what must hold of data before anyone reads it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from modelyard.spec.forms import name_and_arguments
from modelyard.spec.model.base import Json, Section, Widened
from modelyard.spec.model.running import Runnable
from modelyard.spec.model.values import Address


class CheckSettings(Section):
    """A check by its library's own name and arguments."""

    name: str = Field(description="The check's name in its library.", examples=["expect_column_values_to_not_be_null"])
    kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Its arguments, by their own names.", examples=[{"column": "carrier"}]
    )


def _written(long: Json) -> Json:
    table = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": {"type": ["object", "null"]},
    }
    return {"anyOf": [{"type": "string"}, table], "description": long["description"]}


Check = Annotated[CheckSettings, Widened(name_and_arguments, _written, instead=True)]


class Expectation(Runnable):
    """Stands between a thing and everyone who reads it: what fails, stops there."""

    data: Address = Field(
        description="A source, a split, a feature view, or what a server is sent.", examples=["sources.flights"]
    )
    severity: Literal["error", "warn"] = Field(
        default="error", description="error stops what hangs below; warn is recorded and shown.", examples=["warn"]
    )
    expect: tuple[Check, ...] = Field(
        min_length=1,
        description="Great Expectations by its own names and arguments; images have their own.",
        examples=[[{"expect_column_values_to_not_be_null": {"column": "carrier"}}]],
    )
