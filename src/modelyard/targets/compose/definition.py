"""A service as a container: what `compose.yaml` says of it, told apart from how that is written there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from modelyard.graph.model import Node
from modelyard.secrets import references
from modelyard.targets.compose.names import service_name
from modelyard.targets.images import COMPANIONS
from modelyard.targets.ports import PORTS, reachable
from modelyard.targets.probing import PROBES
from modelyard.task import TaskDocument

SECRETS = "/run/secrets"
EDGE, CLIENTS = "edge.ports", "tracking.clients"
"""Networks: of what this machine reaches, and of those who record runs where a container takes the records.

An endpoint has one of its own too, of its own name; names of services have no dot.
"""
SOCKET, DATABASE, METRICS = "tracking-socket", "tracking-database", "observe-prometheus"
"""Volumes: the socket of PostgreSQL, and the data that it and Prometheus keep."""
KEPT = (DATABASE, METRICS)
"""Volumes that hold data: only `destroy --volumes` takes them away."""
TOKENS = "metrics."
"""How the names of tokens for Prometheus begin. No secret has a dot in its name."""
_BACKEND = "postgresql+psycopg://modelyard@/modelyard?host=/run/postgresql"


@dataclass(frozen=True)
class Service:
    """`port` is what it listens on inside, `published` and `host` where this machine reaches it.

    `secrets` name files under `/run/secrets`, `tokens` too, each with the text that it is the first token of. `memory`
    in bytes, `cpu` in cores, both 0 where nothing is asked. `records`: it talks to the project's tracking server.
    `made` is what Compose calls the configuration that its container was made with, empty where that is not known.
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
    tokens: tuple[tuple[str, str], ...] = ()
    records: bool = False
    on_postgres: bool = False
    cpu: float = 0.0
    memory: int = 0
    gpu: int = 0
    image: str = ""
    made: str = ""

    @property
    def door(self) -> bool:
        """Whether another container holds its port, so that it can be replaced without a refused request."""
        return self.kind == "serve"

    @property
    def is_companion(self) -> bool:
        """Whether it comes from an image of others (`modelyard.targets.compose.companions`)."""
        return self.kind in COMPANIONS

    @property
    def secret_files(self) -> list[str]:
        """Names of what it gets under `/run/secrets`."""
        return sorted({*self.secrets, *(name for name, _ in self.tokens)})

    @property
    def volumes(self) -> list[str]:
        """Names in `compose.yaml` of the volumes that it uses."""
        if self.door:
            return [f"{self.name}-door"]
        if self.on_postgres:
            return [SOCKET]
        return {"postgres": [DATABASE, SOCKET], "prometheus": [METRICS]}.get(self.kind, [])

    @property
    def networks(self) -> list[str]:
        """Of the container that does the work."""
        return [self.name] if self.door else [EDGE, *([CLIENTS] if self.records or self.on_postgres else [])]

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
        if self.on_postgres:
            hosts = ",".join(f"{host}:*" for host in ("127.0.0.1", "localhost", self.name))
            return {"MLFLOW_SERVER_ALLOWED_HOSTS": hosts, "MODELYARD_BACKEND": _BACKEND}
        return {"PORT": str(self.port)} if self.kind == "command" and self.port else {}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Service":
        tokens = tuple((name, text) for name, text in data.get("tokens", ()))
        return cls(**{**data, "secrets": tuple(data["secrets"]), "tokens": tokens})


def service_of(node: Node, fingerprint: str, role: str, settings: Mapping[str, Any]) -> Service:
    """The container of a service node. It is published where its spec says, else at its kind's usual port."""
    config = node.config
    asked = config.get("port")
    inside = PORTS.get(node.kind, asked)
    resources = node.resources
    tracking = settings.get("tracking") or {}
    if node.kind in COMPANIONS:
        return Service(
            name=service_name(node.address), address=node.address, kind=node.kind, fingerprint=fingerprint, role="",
            port=inside, published=asked, probe=PROBES.get(node.kind), image=str(config["image"]),
            tokens=_tokens(config),
        )  # fmt: skip
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
        secrets=tuple(sorted(references(config) | references(tracking))),
        records=node.kind == "monitor" and bool(tracking.get("served")),
        on_postgres=config.get("backend") == "postgres",
        cpu=resources.cpu if resources.memory or resources.cpu != 1.0 else 0.0,
        memory=resources.memory,
        gpu=resources.gpu,
    )


def _tokens(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    endpoints: Mapping[str, Any] = config.get("endpoints") or {}
    return tuple((token_file(at), one["token"]) for at, one in sorted(endpoints.items()) if one.get("token"))


def token_file(address: str) -> str:
    """The file with the token by which Prometheus asks an endpoint that wants one."""
    return f"{TOKENS}{service_name(address)}"


def tracking_inside(tracking: Mapping[str, Any]) -> dict[str, Any]:
    """As containers reach it: this machine's loopback is not theirs."""
    if not tracking.get("served"):
        return dict(tracking)
    return {**tracking, "uri": f"http://{service_name('tracking')}:{PORTS['tracking']}"}


def inside(document: TaskDocument, service: Service) -> TaskDocument:
    """The document as the container reads it: its port there, and its secrets as files."""
    config = {**document.node["config"], **({"port": service.port} if service.port else {})}
    known = dict(document.settings.get("secrets") or {})
    files = {name: {"file": f"{SECRETS}/{name}"} for name in service.secrets}
    return replace(
        document,
        node={**document.node, "config": config},
        tracking=tracking_inside(document.tracking),
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
