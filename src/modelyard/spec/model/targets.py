"""`target`: where the graph runs. One name, or one name with its settings."""

from functools import partial
from typing import Annotated

from pydantic import Field

from modelyard.spec.forms import switched, target_by_name, under
from modelyard.spec.model.base import Json, Section, Widened
from modelyard.spec.model.cluster import KubernetesTarget
from modelyard.spec.model.places import port_or_switch
from modelyard.spec.model.values import Text
from modelyard.spec.plain import NamedByKey


class LocalTarget(Section):
    """Child processes on this machine."""

    parallelism: int | None = Field(
        default=None, ge=1, description="Tasks at once; without it as many as fit.", examples=[2]
    )


class Observe(Section):
    """Prometheus and Grafana, with a dashboard of the project's endpoints."""

    port: int = Field(default=3000, ge=1, le=65535, description="Grafana's port, on loopback.", examples=[3000])
    prometheus: str = Field(
        default="prom/prometheus:v3.5.0",
        min_length=1,
        description="Prometheus' image; a digest pins it.",
        examples=["prom/prometheus:v3.5.0"],
    )
    grafana: str = Field(
        default="grafana/grafana:12.1.1",
        min_length=1,
        description="Grafana's image; a digest pins it.",
        examples=["grafana/grafana:12.1.1"],
    )


class Postgres(Section):
    """MLflow on PostgreSQL, for the records of runs."""

    image: str = Field(
        default="postgres:17.6",
        min_length=1,
        description="PostgreSQL's image, laid out as `postgres` 17 and earlier; a digest pins it.",
        examples=["postgres:17.6"],
    )


_BUCKET = r"^s3://[^/]+"


class Artifacts(Section):
    """A bucket that MLflow's server keeps artifacts in. Only the server holds its credentials."""

    url: str = Field(pattern=_BUCKET, description="The bucket, and a path in it.", examples=["s3://bucket/mlflow"])
    env: dict[str, Text] = Field(
        default={
            "AWS_ACCESS_KEY_ID": "${secret.AWS_ACCESS_KEY_ID}",
            "AWS_SECRET_ACCESS_KEY": "${secret.AWS_SECRET_ACCESS_KEY}",
        },
        description="How the server reaches it: keys as secrets, `AWS_ENDPOINT_URL`, `AWS_DEFAULT_REGION`, …",
        examples=[{"AWS_ACCESS_KEY_ID": "${secret.S3_ID}", "AWS_SECRET_ACCESS_KEY": "${secret.S3_KEY}"}],
    )


def _image_or_switch(long: Json) -> Json:
    return {"type": ["boolean", "string"], "minLength": 1}


def _url(long: Json) -> Json:
    return {"type": "string", "pattern": _BUCKET}


class ComposeTarget(Section):
    """Docker Compose, on one machine."""

    base: str = Field(
        default="python:3.11-slim",
        description="The image that the project's images start from: a Debian or Ubuntu with Python and `venv`.",
        examples=["python:3.11-slim"],
    )
    registry: str | None = Field(
        default=None, description="Where built images go.", examples=["registry.example.com/ml"]
    )
    context: str | None = Field(default=None, description="The Docker context.", examples=["default"])
    observe: Annotated[Observe | None, Widened(partial(switched, "port"), port_or_switch)] = Field(
        default=None,
        description="Watch the endpoints with Prometheus and Grafana: true, Grafana's port, or a table.",
        examples=[True],
    )
    postgres: Annotated[Postgres | None, Widened(partial(switched, "image"), _image_or_switch)] = Field(
        default=None,
        description="Record runs in an MLflow server on PostgreSQL: true, an image, or a table.",
        examples=[True],
    )
    artifacts: Annotated[Artifacts | None, Widened(partial(under, "url"), _url)] = Field(
        default=None,
        description="With `postgres`, keep artifacts in S3 instead of the project's folder: a URL or a table.",
        examples=["s3://bucket/mlflow"],
    )


class TargetSettings(Section, NamedByKey):
    """Exactly one target."""

    local: LocalTarget | None = Field(default=None, description="This machine.", examples=[{}])
    compose: ComposeTarget | None = Field(default=None, description="Docker Compose.", examples=[{}])
    kubernetes: KubernetesTarget | None = Field(
        default=None, description="A Kubernetes cluster.", examples=[{"namespace": "ml"}]
    )


def _names(long: Json) -> Json:
    return {"enum": list(long["properties"])}


TargetTable = Annotated[TargetSettings, Widened(target_by_name, _names)]
