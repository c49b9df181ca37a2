"""`serving`: a model behind HTTP, by the Open Inference Protocol."""

from typing import Annotated

from pydantic import Field

from modelyard.spec.forms import fixed_replicas
from modelyard.spec.model.base import Json, ListOrOne, Section, Widened, table_of
from modelyard.spec.model.running import Resources, Runtime
from modelyard.spec.model.values import Address, Cel, Duration, Share


class ReplicaSettings(Section):
    """How many servers, and what makes them more."""

    min: int = Field(default=1, ge=0, description="Never fewer.", examples=[1])
    max: int = Field(default=1, ge=1, description="Never more.", examples=[4])
    requests_per_second: float | None = Field(
        default=None, gt=0, description="One more for each so many requests a second.", examples=[50]
    )


def _count(long: Json) -> Json:
    return {"type": "integer", "minimum": 1}


class BatchSettings(Section):
    """Requests that arrive together are answered together."""

    max: int = Field(default=32, ge=1, description="The largest batch.", examples=[32])
    wait: Duration = Field(default=0.002, description="The longest a request waits for others.", examples=["2ms"])


class Rollout(Section):
    """A new version takes its share of the traffic step by step."""

    steps: tuple[Share, ...] = Field(
        min_length=1, description="Shares of the traffic, in order.", examples=[["5%", "25%", "50%"]]
    )
    every: Duration = Field(default=600.0, description="The time between steps.", examples=["10m"])
    back_if: Annotated[tuple[Cel, ...], ListOrOne] = Field(
        default=(),
        description="CEL over error_rate, p50_ms, p99_ms, requests; any one true goes back.",
        examples=[["error_rate > 0.01"]],
    )


class Auth(Section):
    """Who may ask."""

    tokens: Annotated[tuple[str, ...], ListOrOne] = Field(
        min_length=1,
        description="Bearer tokens that are let in; a secret may hold several, separated by commas.",
        examples=["${secret.API_TOKENS}"],
    )


class LogSettings(Section):
    """Which requests are kept with their answers, for monitoring."""

    sample: Share = Field(default=1.0, description="The share of requests that is kept.", examples=["100%"])
    hash: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(), description="Columns kept only as a hash.", examples=[["tailnum"]]
    )


class Endpoint(Section):
    """A server for one model. A newly promoted version is picked up without a restart."""

    model: Address = Field(
        description="A registered model: what is in production, or `@stage`, or `@7`.", examples=["registry.late"]
    )
    port: int = Field(default=8080, ge=0, le=65535, description="The port; 0 takes a free one.", examples=[8080])
    host: str = Field(
        default="127.0.0.1",
        description="The address it listens on, where the target leaves that open.",
        examples=["192.168.1.10"],
    )
    replicas: Annotated[ReplicaSettings, Widened(fixed_replicas, _count)] = Field(
        default_factory=ReplicaSettings, description="How many: a number, or a table.", examples=[{"min": 1, "max": 4}]
    )
    resources: Resources | None = Field(
        default=None, description="Cores, memory and GPUs of each.", examples=[{"cpu": 1, "memory": "512Mi"}]
    )
    runtime: Runtime | None = Field(
        default=None, description="Its own Python and packages.", examples=[{"python": "3.11"}]
    )
    batch: Annotated[BatchSettings, table_of("max")] | None = Field(
        default=None,
        description="Answer requests in batches: the largest, or a table.",
        examples=[{"max": 32, "wait": "2ms"}],
    )
    rollout: Rollout | None = Field(
        default=None, description="New versions step by step.", examples=[{"steps": ["5%", "50%"], "every": "10m"}]
    )
    shadow: Address | None = Field(
        default=None,
        description="A version that sees the same requests and answers nobody.",
        examples=["registry.late@staging"],
    )
    auth: Annotated[Auth, table_of("tokens")] | None = Field(
        default=None,
        description="Bearer tokens; without it everyone may ask.",
        examples=[{"tokens": "${secret.API_TOKENS}"}],
    )
    log: LogSettings = Field(
        default_factory=LogSettings, description="What is kept of requests and answers.", examples=[{"sample": "100%"}]
    )
