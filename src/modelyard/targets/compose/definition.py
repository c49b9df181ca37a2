"""A service as a container: what `compose.yaml` says of it, told apart from how that is written there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from modelyard.graph.model import Node
from modelyard.secrets import references
from modelyard.targets.compose.names import service_name
from modelyard.targets.ports import PORTS, reachable
from modelyard.targets.probing import PROBES
from modelyard.task import TaskDocument

SECRETS = "/run/secrets"


@dataclass(frozen=True)
class Service:
    """`port` is what it listens on inside, `published` and `host` where this machine reaches it.

    `secrets` name files under `/run/secrets`; `memory` in bytes, `cpu` in cores, both 0 where nothing is asked.
    """

    name: str
    address: str
    kind: str
    fingerprint: str
    role: str
    port: int | None = None
    published: int | None = None
    host: str = "127.0.0.1"
    probe: str | None = None
    secrets: tuple[str, ...] = ()
    cpu: float = 0.0
    memory: int = 0
    gpu: int = 0
    image: str = ""

    @property
    def door(self) -> bool:
        """Whether another container holds its port, so that it can be replaced without a refused request."""
        return self.kind == "serve"

    @property
    def url(self) -> str | None:
        return f"http://{reachable(self.host)}:{self.published}" if self.published else None

    @property
    def container(self) -> str:
        """The name in `compose.yaml` of the container that does the work."""
        return f"{self.name}-server" if self.door else self.name

    @property
    def folders(self) -> tuple[str, ...]:
        """What it writes to, below the project's folder."""
        if self.kind != "serve":
            return (".modelyard",)
        name = self.address.partition(".")[2]
        return (f".modelyard/services/{self.address}", f".modelyard/predictions/{name}", ".modelyard/store")

    @property
    def environment(self) -> dict[str, str]:
        return {"PORT": str(self.port)} if self.kind == "command" and self.port else {}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Service":
        return cls(**{**data, "secrets": tuple(data["secrets"])})


def service_of(node: Node, fingerprint: str, role: str, settings: Mapping[str, Any]) -> Service:
    """The container of a service node. It is published where its spec says, else at its kind's usual port."""
    config = node.config
    asked = config.get("port")
    inside = PORTS.get(node.kind, asked)
    resources = node.resources
    return Service(
        name=service_name(node.address),
        address=node.address,
        kind=node.kind,
        fingerprint=fingerprint,
        role=role,
        port=inside,
        published=asked or inside,
        host=str(config.get("host") or "127.0.0.1"),
        probe=config.get("probe") or PROBES.get(node.kind),
        secrets=tuple(sorted(references(config) | references(settings.get("tracking") or {}))),
        cpu=resources.cpu if resources.memory or resources.cpu != 1.0 else 0.0,
        memory=resources.memory,
        gpu=resources.gpu,
    )


def inside(document: TaskDocument, service: Service) -> TaskDocument:
    """The document as the container reads it: its port there, and its secrets as files."""
    config = {**document.node["config"], **({"port": service.port} if service.port else {})}
    known = dict(document.settings.get("secrets") or {})
    files = {name: {"file": f"{SECRETS}/{name}"} for name in service.secrets}
    return replace(
        document,
        node={**document.node, "config": config},
        settings={**document.settings, "secrets": {**known, **files}},
    )


def plain_document(node: Node, service: Service, project: str, environment: str | None, settings: Any) -> TaskDocument:
    """What a service starts from where nothing is known but the graph: it finds the model that it serves by itself."""
    from modelyard.graph.codec import node_to_json

    workdir = f".modelyard/services/{node.address}"
    document = TaskDocument(
        project=project,
        root=".",
        node=node_to_json(node),
        fingerprint=service.fingerprint,
        run_id="rendered",
        inputs={},
        store=dict(settings.get("store") or {}),
        workdir=workdir,
        result=f"{workdir}/result-1.json",
        environment=environment,
        tracking=dict(settings.get("tracking") or {}),
        settings=dict(settings),
    )
    return inside(document, service)
