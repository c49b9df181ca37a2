"""`pipeline`, `notifications`, `policies`: what stands around the graph."""

from typing import Annotated, Literal

from pydantic import Field

from modelyard.spec.model.base import ListOrOne, Section, table_of
from modelyard.spec.model.values import Address, Cel, Cron


class Schedule(Section):
    """When runs start by themselves."""

    cron: Cron = Field(description="Five fields: minute, hour, day, month, weekday.", examples=["0 3 * * 1"])
    zone: str = Field(default="UTC", description="The time zone of the schedule.", examples=["Europe/Berlin"])


class RunBudget(Section):
    """What runs may use up."""

    runs_per_day: int | None = Field(
        default=None, ge=1, description="Applies that compute something, in 24 hours.", examples=[4]
    )
    gpu_hours: float | None = Field(
        default=None, ge=0, description="GPU-hours of one apply, by the plan's estimate.", examples=[8]
    )


class Pipeline(Section):
    """What starts a run by itself, and how runs behave."""

    schedule: Annotated[Schedule, table_of("cron")] | None = Field(
        default=None,
        description="A cron schedule, or a table with its zone.",
        examples=[{"cron": "0 3 * * 1", "zone": "Europe/Berlin"}],
    )
    triggers: Annotated[tuple[Address, ...], ListOrOne] = Field(
        default=(), description="Sources whose new data starts a run.", examples=[["sources.weather"]]
    )
    concurrency: int = Field(default=1, ge=1, description="Runs of this project at once.", examples=[1])
    budget: RunBudget | None = Field(
        default=None, description="What runs may use up.", examples=[{"runs_per_day": 4, "gpu_hours": 8}]
    )


class Notification(Section):
    """Where messages go, by apprise."""

    url: Annotated[tuple[str, ...], ListOrOne] = Field(
        min_length=1, description="apprise URLs.", examples=["${secret.OPS_URL}"]
    )
    events: tuple[Literal["failure", "drift", "promoted"], ...] = Field(
        default=("failure", "drift", "promoted"), description="What is told.", examples=[["failure", "drift"]]
    )


class Policy(Section):
    """A rule over the plan: `deny` refuses it, `warn` says so. Exactly one of the two."""

    deny: Cel | None = Field(
        default=None, description="CEL over plan and graph; true refuses the plan.", examples=["plan.gpu_hours > 8"]
    )
    warn: Cel | None = Field(
        default=None, description="CEL over plan and graph; true is shown as a warning.", examples=["plan.deletes > 0"]
    )
    message: str | None = Field(
        default=None, description="What the reader is told.", examples=["Ask the ML leads for more than 8 GPU-hours"]
    )
