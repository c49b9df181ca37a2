"""How a node runs, whatever it does: resources, retries, the Python and packages around it."""

from typing import Annotated

from pydantic import Field

from modelyard.spec.model.base import ListOrOne, Section, table_of
from modelyard.spec.model.values import Cpu, Duration, Memory


class Resources(Section):
    """What a task needs to have for itself."""

    cpu: Cpu = Field(default=1.0, description="Cores.", examples=[2, "500m"])
    memory: Memory | None = Field(
        default=None,
        description="Memory that is reserved, and the most that all processes of a task may hold together; a task that "
        "takes more is ended as out-of-memory. Without it nothing is reserved and nothing limited.",
        examples=["4Gi"],
    )
    gpu: int = Field(default=0, ge=0, description="GPUs.", examples=[1])
    gpu_type: str | None = Field(default=None, description="Only this kind of GPU will do.", examples=["nvidia-l4"])
    nodes: int = Field(default=1, ge=1, description="Machines that work on it together.", examples=[1])


class RetrySettings(Section):
    """Further attempts after one that failed."""

    times: int = Field(default=0, ge=0, description="Attempts after the first.", examples=[3])
    backoff: Duration = Field(
        default=1.0, description="The wait before the second attempt; doubles each time.", examples=["10s"]
    )


class Runtime(Section):
    """The Python and the packages of a node. Declared here, resolved once by `modelyard lock`."""

    python: str | None = Field(
        default=None, pattern=r"^3\.\d+(\.\d+)?$", description="The Python version.", examples=["3.11"]
    )
    packages: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(), description="Requirements, as pip takes them.", examples=[["scikit-learn", "pandas>=2.2"]]
    )
    image: str | None = Field(
        default=None, description="A container image in place of packages.", examples=["ghcr.io/acme/train:1.4"]
    )
    isolate: bool = Field(
        default=False, description="A virtual environment of its own, by the lock's digest.", examples=[True]
    )


Retries = Annotated[RetrySettings, table_of("times")]


class Runnable(Section):
    """What every section that becomes a task takes."""

    resources: Resources | None = Field(
        default=None, description="Cores, memory and GPUs it needs.", examples=[{"cpu": 2, "memory": "4Gi"}]
    )
    retries: Retries | None = Field(
        default=None,
        description="How often to try again: a number, or a table.",
        examples=[{"times": 3, "backoff": "10s"}],
    )
    timeout: Duration | None = Field(
        default=None, description="Stopped, and failed, after this long.", examples=["15m"]
    )
    runtime: Runtime | None = Field(
        default=None,
        description="Its own Python and packages; wins over the project's `runtime`.",
        examples=[{"packages": ["pandas"]}],
    )
