"""`sources`: data under version."""

from typing import Annotated, Literal

from pydantic import Field

from modelyard.spec.forms import gather_fractions
from modelyard.spec.model.base import Json, ListOrOne, Section, Widened
from modelyard.spec.model.running import Runnable
from modelyard.spec.model.values import SHARE_SCHEMA, Share


class Fractions(Section):
    """How much goes where; together 100%."""

    train: Share = Field(default=1.0, description="What the model learns from.", examples=["70%"])
    val: Share | None = Field(
        default=None, description="What training and studies look at to choose.", examples=["15%"]
    )
    test: Share | None = Field(default=None, description="Held out; only the evaluation sees it.", examples=["15%"])


class SplitSettings(Section):
    """How rows or images are dealt out. The same data and seed always give the same splits."""

    fractions: Fractions = Field(
        description="Shares by split; written directly in `split`.",
        examples=[{"train": "70%", "val": "15%", "test": "15%"}],
    )
    by: Literal["hash", "group", "stratified", "time"] = Field(
        default="hash",
        description="hash: each by its key; group: one group stays together; stratified: equal shares of each class; "
        "time: the latest are the test.",
        examples=["time"],
    )
    column: str | None = Field(
        default=None,
        description="The column of the group or class. Images group by what stands before the first `-` of their name, "
        "or by `folder`.",
        examples=["customer_id"],
    )
    seed: int = Field(default=0, description="Another seed deals them out differently.", examples=[7])


def _written(long: Json) -> Json:
    """Shares stand directly in `split`."""
    shares = {name: {**SHARE_SCHEMA, "description": text, "examples": ["70%"]} for name, text in _shares.items()}
    rest = {name: part for name, part in long["properties"].items() if name != "fractions"}
    return {**long, "properties": {**shares, **rest}, "required": ["train"]}


_shares = {name: field.description for name, field in Fractions.model_fields.items()}
Split = Annotated[SplitSettings, Widened(gather_fractions, _written, instead=True)]


class Source(Runnable):
    """Files, images, a table, or a query. What a run has read of it is known by its digest."""

    type: Literal["files", "images", "table", "sql"] = Field(description="What it holds.", examples=["table"])
    path: str | None = Field(
        default=None,
        min_length=1,
        description="An address, a path in the project (globs allowed), or any fsspec URL.",
        examples=["data/flights.csv"],
    )
    url: str | None = Field(
        default=None,
        min_length=1,
        description="sql: the database.",
        examples=["postgresql://reader:${secret.DB}@db/shop"],
    )
    query: str | None = Field(
        default=None, min_length=1, description="sql: what to read.", examples=["select * from orders"]
    )
    exclude: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(), description="Globs of files to leave out.", examples=[["*.tmp"]]
    )
    labels: Literal["yolo"] | None = Field(
        default=None,
        description="images: how they are labelled; yolo is a text file an image, a line a box.",
        examples=["yolo"],
    )
    classes: tuple[str, ...] | None = Field(
        default=None,
        description="images: the names of the classes, in the order of their numbers.",
        examples=[["cat", "dog"]],
    )
    key: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(), description="table: the columns that name a row; no two rows may agree.", examples=[["flight_id"]]
    )
    timestamp: str | None = Field(
        default=None,
        description="table: when the row became known; splits and joins by time use it.",
        examples=["time_hour"],
    )
    split: Split | None = Field(
        default=None,
        description="How it is dealt out into train, val and test.",
        examples=[{"train": "70%", "val": "15%", "test": "15%", "by": "time"}],
    )
    incremental: bool = Field(
        default=False, description="Of what only grows, only what is new is read.", examples=[True]
    )
