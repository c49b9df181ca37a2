"""`steps`: your own code as tasks of the graph."""

from typing import Annotated, Any, Literal

from pydantic import Field

from modelyard.spec.forms import named_outputs
from modelyard.spec.model.base import Json, Name, Section, Widened, table_of
from modelyard.spec.model.running import Runnable
from modelyard.spec.model.values import Address, Argv, Call, Cel, Text

OutputType = Literal["files", "table", "images", "model", "metrics"]


class OutputSettings(Section):
    """One folder that a step leaves."""

    type: OutputType = Field(
        default="files",
        description="What lies in it: any files, one Parquet table, images with labels, a model, metrics.",
        examples=["table"],
    )


Output = Annotated[OutputSettings, table_of("type")]


def _names(long: Json) -> Json:
    return {"type": "array", "items": {"type": "string"}}


class Step(Runnable):
    """A command, or a Python function of the project. Exactly one of `run` and `call`."""

    run: Argv | None = Field(
        default=None,
        description="The command: a list of words, or a string that is split once. No shell sees it.",
        examples=["python make_tables.py --out ${outputs.dir}"],
    )
    call: Call | None = Field(
        default=None,
        description="module:function; it is given inputs (folders), outputs (folders) and params by name.",
        examples=["prepare:tidy"],
    )
    inputs: dict[Name, Address] = Field(
        default_factory=dict,
        description="What it reads, by a name of yours.",
        examples=[{"flights": "steps.tables:dir"}],
    )
    outputs: Annotated[dict[Name, Output], Widened(named_outputs, _names)] = Field(
        default_factory=dict,
        description="The folders it fills, each with its type.",
        examples=[{"table": {"type": "table"}}],
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Values the code is given as `${params.x}` or as arguments.",
        examples=[{"drop_cancelled": True}],
    )
    env: dict[str, Text] = Field(
        default_factory=dict,
        description="Environment variables; secrets belong here.",
        examples=[{"API_KEY": "${secret.API_KEY}"}],
    )
    foreach: list[Any] | str | None = Field(
        default=None,
        description="A list of up to 10,000, or the files of an input: one cached task an item, known as `${item}`.",
        examples=["inputs.flights", [2012, 2013]],
    )
    join: Call | None = Field(
        default=None,
        description="The function that makes one output of the parts of `foreach`.",
        examples=["prepare:concat"],
    )
    when: Cel | None = Field(
        default=None,
        description="A CEL condition over `params` and `var`; false skips it, and what needs it.",
        examples=["params.drop_cancelled"],
    )
