"""The graph: pure data that every target sees in place of the spec. Frozen, in a stable order, JSON both ways."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Role = Literal["task", "service"]
EMPTY: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return EMPTY  # Python 3.11 takes no mappingproxy as a plain default: it has no hash there


@dataclass(frozen=True, slots=True)
class Ref:
    """An input port's source: one output of another node.

    `follow` marks an input that a running service picks up by itself: when only such an input changes, the service
    is updated, not replaced.
    """

    node: str
    output: str
    follow: bool = False

    def __str__(self) -> str:
        return f"{self.node}:{self.output}"


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of the project that a node runs or imports. `path` is relative to the project, with `/`."""

    path: str
    digest: str
    lines: int = 0


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Data outside of the graph that a source reads. `digest` covers every file's relative name and content.

    `images` and `labels` are counted for sources of images: `labels` are images with a label file of their name.
    """

    uri: str
    digest: str
    files: int = 0
    bytes: int = 0
    images: int = 0
    labels: int = 0


@dataclass(frozen=True, slots=True)
class Environment:
    """What is declared to be installed: from `mlops.lock`, never from what happens to be there."""

    python: str | None = None
    packages: tuple[tuple[str, str], ...] = ()
    image: str | None = None
    isolate: bool = False


@dataclass(frozen=True, slots=True)
class Resources:
    """`cpu` in cores, `memory` in bytes (0: not stated), `gpu` in devices."""

    cpu: float = 1.0
    memory: int = 0
    gpu: int = 0
    gpu_type: str | None = None
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class Retries:
    """`times` counts further attempts after the first; `backoff` is in seconds and doubles."""

    times: int = 0
    backoff: float = 1.0


@dataclass(frozen=True, slots=True)
class Node:
    """One task or service. Everything in `config` is plain JSON data; secrets stay `${secret.X}` references."""

    address: str
    kind: str
    role: Role = "task"
    config: Mapping[str, Any] = field(default_factory=_nothing)
    inputs: Mapping[str, Ref] = field(default_factory=_nothing)
    outputs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    code: tuple[CodeFile, ...] = ()
    external: ExternalData | None = None
    environment: Environment = Environment()
    resources: Resources = Resources()
    retries: Retries = Retries()
    timeout: float | None = None
    marks: Mapping[str, str] = field(default_factory=_nothing)

    @property
    def upstream(self) -> tuple[str, ...]:
        """Addresses of the nodes that must be done before this one, each once, in a stable order."""
        return tuple(sorted({ref.node for ref in self.inputs.values()} | set(self.after)))


@dataclass(frozen=True)
class Graph:
    """Nodes by address in topological order (ties by order of the spec's sections, then by name)."""

    project: str
    nodes: Mapping[str, Node]
    environment: str | None = None
    target: Mapping[str, Any] = field(default_factory=lambda: {"local": {}})
    settings: Mapping[str, Any] = field(default_factory=_nothing)
