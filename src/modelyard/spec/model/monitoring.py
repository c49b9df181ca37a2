"""`monitoring`: what a server is sent, against what the model has learnt from."""

from typing import Annotated

from pydantic import Field

from modelyard.spec.forms import prediction_window
from modelyard.spec.model.base import Json, ListOrOne, Section, Widened
from modelyard.spec.model.expectations import Check
from modelyard.spec.model.running import Resources, Runtime
from modelyard.spec.model.values import Address, Cel, Duration


def _predictions(long: Json) -> Json:
    return {"type": "string", "pattern": "^[0-9_]+ predictions$"}


class Action(Section):
    """What a rule does: exactly one of these."""

    notify: str | None = Field(default=None, description="A name under `notifications`.", examples=["ops"])
    run: Address | None = Field(default=None, description="What to bring up to date again.", examples=["registry.late"])


class Rule(Section):
    """A condition over the checks' results, and what follows."""

    if_: Cel = Field(alias="if", description="CEL over checks and rows.", examples=["checks.drift_share > 0.3"])
    for_: int = Field(default=1, ge=1, alias="for", description="Windows in a row before it acts.", examples=[2])
    then: Annotated[tuple[Action, ...], ListOrOne] = Field(
        min_length=1, description="What to do, in order.", examples=[[{"notify": "ops"}]]
    )


class Monitor(Section):
    """A check that runs again and again, with a report each time."""

    data: Address = Field(description="What a server was sent and answered, or any source.", examples=["serving.api"])
    reference: Address = Field(description="What it is compared with.", examples=["sources.flights:train"])
    every: Duration | None = Field(
        default=None,
        description="How often; each time over what came since. One hour unless `window` is given.",
        examples=["1h"],
    )
    window: Annotated[int | None, Widened(prediction_window, _predictions)] = Field(
        default=None,
        ge=1,
        description="After so many predictions, in place of `every`.",
        examples=[5000, "5000 predictions"],
    )
    checks: tuple[Check, ...] = Field(
        min_length=1,
        description="Evidently by its own names and arguments.",
        examples=[[{"DataDriftPreset": {"drift_share": 0.3}}]],
    )
    when: Annotated[tuple[Rule, ...], ListOrOne] = Field(
        default=(),
        description="Rules over the results.",
        examples=[[{"if": "checks.drift_share > 0.3", "then": [{"notify": "ops"}]}]],
    )
    resources: Resources | None = Field(
        default=None, description="Cores and memory of the check.", examples=[{"cpu": 1}]
    )
    runtime: Runtime | None = Field(
        default=None, description="Its own Python and packages.", examples=[{"python": "3.11"}]
    )
