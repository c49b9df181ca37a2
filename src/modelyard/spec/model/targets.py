"""`target`: where the graph runs. One name, or one name with its settings."""

from typing import Annotated

from pydantic import Field

from modelyard.spec.forms import target_by_name
from modelyard.spec.model.base import Json, Section, Widened
from modelyard.spec.plain import NamedByKey


class LocalTarget(Section):
    """Child processes on this machine."""

    parallelism: int | None = Field(
        default=None, ge=1, description="Tasks at once; without it as many as fit.", examples=[2]
    )


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


class KubernetesTarget(Section):
    """A Kubernetes cluster."""

    namespace: str | None = Field(default=None, description="The namespace.", examples=["ml"])
    context: str | None = Field(default=None, description="The context of the kubeconfig.", examples=["prod"])
    registry: str | None = Field(
        default=None, description="Where built images go.", examples=["registry.example.com/ml"]
    )
    operators: dict[str, str] = Field(
        default_factory=dict,
        description="Operators to hand work to, by what they do.",
        examples=[{"serving": "kserve"}],
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
