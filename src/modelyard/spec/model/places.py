"""Where things live: tracking, store, state, secrets."""

from typing import Annotated

from pydantic import Field

from modelyard.spec.forms import ui_port
from modelyard.spec.model.base import Json, ListOrOne, Section, Widened, table_of
from modelyard.spec.values import STATE_URI, STORE_PATH, TRACKING_URI


def port_or_switch(long: Json) -> Json:
    return {"type": ["boolean", "integer"], "maximum": 65535}


class TrackingUi(Section):
    """A supervised MLflow UI."""

    port: int = Field(default=5000, ge=0, le=65535, description="Its port; 0 takes a free one.", examples=[5000])


class Tracking(Section):
    """Where runs, metrics and models are recorded: MLflow first."""

    uri: str = Field(
        default=TRACKING_URI,
        min_length=1,
        description="MLflow's tracking URI.",
        examples=["http://mlflow:5000"],
    )
    ui: Annotated[TrackingUi | None, Widened(ui_port, port_or_switch)] = Field(
        default=None, description="Run an MLflow UI beside the project: true, a port, or a table.", examples=[True]
    )
    mirrors: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(), description="Trackers that are written to as well.", examples=[["tensorboard"]]
    )


class StoreSettings(Section):
    """Where data and models are kept by content."""

    path: str = Field(default=STORE_PATH, min_length=1, description="The local folder.", examples=[".modelyard/store"])
    remote: str | None = Field(
        default=None,
        min_length=1,
        description="Any fsspec URL; what is made here goes there, what is missing comes from there.",
        examples=["s3://bucket/modelyard"],
    )


class StateSettings(Section):
    """Where it is recorded what has been applied."""

    uri: str = Field(
        default=STATE_URI,
        min_length=1,
        description="SQLite, PostgreSQL by URL, or `kubernetes://`, which keeps it in the cluster's own objects.",
        examples=["postgresql://modelyard:${secret.PG_PASSWORD}@pg/modelyard"],
    )


class KubernetesSecret(Section):
    """A key of a Kubernetes Secret."""

    name: str = Field(description="The Secret.", examples=["ops"])
    key: str = Field(description="Its key.", examples=["url"])


class SecretPlace(Section):
    """Where a secret lives: exactly one of these; without an entry it is the environment variable of its name."""

    env: str | None = Field(default=None, description="Another environment variable.", examples=["CI_TOKEN"])
    file: str | None = Field(default=None, description="A file that holds it.", examples=["/run/secrets/ops_url"])
    keyring: str | None = Field(
        default=None, description="The service in the system's keyring.", examples=["modelyard"]
    )
    kubernetes: KubernetesSecret | None = Field(
        default=None, description="A Kubernetes Secret.", examples=[{"name": "ops", "key": "url"}]
    )


TrackingTable = Annotated[Tracking, table_of("uri")]
StoreTable = Annotated[StoreSettings, table_of("path")]
StateTable = Annotated[StateSettings, table_of("uri")]
