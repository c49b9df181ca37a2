"""`features`: one definition for training rows and for the online store."""

from typing import Annotated, Literal

from pydantic import Field

from modelyard.spec.forms import AGGREGATIONS, column
from modelyard.spec.model.base import Json, ListOrOne, Section, Widened
from modelyard.spec.model.running import Runnable
from modelyard.spec.model.values import Address, Duration

Aggregation = Literal["sum", "mean", "min", "max", "count", "std", "first", "last"]


class ColumnSettings(Section):
    """A column or an SQL expression, or a window that ends at the instant asked for."""

    sql: str | None = Field(
        default=None,
        min_length=1,
        description="A column, or an SQL expression over columns.",
        examples=["temp", "wind_speed * 1.6"],
    )
    agg: Aggregation | None = Field(
        default=None,
        description="What is done with the rows of the window; written as the key, as in `{sum: precip, over: 6h}`.",
        examples=["sum"],
    )
    column: str | None = Field(
        default=None, min_length=1, description="The column it is done with.", examples=["precip"]
    )
    over: Duration | None = Field(
        default=None, description="The window's length, ending at the instant asked for.", examples=["6h"]
    )


def _written(long: Json) -> Json:
    """A column or expression as text, or a window with the aggregation as its key."""
    keys = long["properties"]
    column = {"type": "string", "minLength": 1, "description": keys["column"]["description"]}
    windows = {**dict.fromkeys(AGGREGATIONS, column), "over": keys["over"]}
    window = {"properties": windows, "required": ["over"], "minProperties": 2, "maxProperties": 2}
    return {"anyOf": [{"type": "string", "minLength": 1}, {"type": "object", **window, "additionalProperties": False}]}


Column = Annotated[ColumnSettings, Widened(column, _written)]


class FeatureView(Runnable):
    """Columns of a source by entity and time, joined to training rows as they were known at each row's time."""

    source: Address = Field(description="The table they are made of.", examples=["sources.weather"])
    entity: Annotated[tuple[str, ...], ListOrOne] = Field(
        min_length=1, description="The columns that a row is joined on.", examples=[["origin"]]
    )
    timestamp: str | None = Field(
        default=None, description="When a row became known; the source's own where not given.", examples=["time_hour"]
    )
    ttl: Duration | None = Field(default=None, description="Rows older than this count as missing.", examples=["3h"])
    columns: dict[str, Column] = Field(
        min_length=1,
        description="The features by name: a column, an SQL expression, or a window.",
        examples=[{"temp": "temp", "rain_6h": {"sum": "precip", "over": "6h"}}],
    )
    online: bool = Field(
        default=False, description="Keep the latest values of each entity for serving, too.", examples=[True]
    )
