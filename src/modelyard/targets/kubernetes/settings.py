"""`target.kubernetes` of the spec, typed: what a cluster is told about itself, each with its default."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

BASE = "python:3.11-slim"
Access = Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]
_GIB = 1 << 30


@dataclass(frozen=True)
class Volume:
    """A claim; `size` in bytes."""

    size: int
    storage_class: str | None = None
    access: Access = "ReadWriteOnce"


@dataclass(frozen=True)
class Ingress:
    """`tls` names the Secret with the certificate; `controller` the namespace that requests come from."""

    ingress_class: str
    tls: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    controller: str | None = None


@dataclass(frozen=True)
class Gateway:
    """The Gateway API's: `section` names one listener of it; `controller` the namespace that requests come from."""

    name: str
    namespace: str | None = None
    section: str | None = None
    controller: str | None = None


@dataclass(frozen=True)
class Expose:
    """`serving.api` answers at `api.<domain>`; `clients` are namespaces of this cluster that may ask it directly."""

    domain: str | None = None
    ingress: Ingress | None = None
    gateway: Gateway | None = None
    clients: tuple[str, ...] = ()
    metrics: str | None = None


@dataclass(frozen=True)
class GpuKind:
    """How a cluster offers one kind of GPU: the resource (MIG and time-slicing have their own), and the nodes."""

    resource: str = "nvidia.com/gpu"
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class SecretsFrom:
    """Who makes the Secrets: somebody (`cluster`), External Secrets from a store, or Sealed Secrets in git."""

    provider: Literal["cluster", "external", "sealed"] = "cluster"
    store: str | None = None
    store_kind: Literal["SecretStore", "ClusterSecretStore"] = "ClusterSecretStore"
    path: str = ""
    refresh: str = "1h"


@dataclass(frozen=True)
class Dns:
    """Who answers when names are looked up: pods of `namespaces` at `ports`, and `addresses` at port 53."""

    namespaces: tuple[str, ...] = ("kube-system", "openshift-dns")
    addresses: tuple[str, ...] = ("169.254.0.0/16",)
    ports: tuple[int, ...] = (53, 5353)


@dataclass(frozen=True)
class Seldon:
    """Seldon Core 2: the Secret with rclone's configuration of the store's bucket, and the Server to load models."""

    secret: str | None = None
    server: str | None = None


@dataclass(frozen=True)
class Quota:
    """The most that the namespace may hold; memory in bytes, None where it is not bounded."""

    cpu: float | None = None
    memory: int | None = None
    gpu: int | None = None
    pods: int | None = None


@dataclass(frozen=True)
class Cluster:
    """See `spec.model.targets.KubernetesTarget`, which says what each means; `keep` in seconds, `memory` in bytes."""

    namespace: str = "default"
    context: str | None = None
    registry: str | None = None
    base: str = BASE
    images: Mapping[str, str] = field(default_factory=dict)
    pull_secrets: tuple[str, ...] = ()
    store: Volume | None = None
    tracking: Volume = Volume(10 * _GIB)
    expose: Expose = Expose()
    gpus: Mapping[str, GpuKind] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    queue: str | None = None
    secrets: SecretsFrom = SecretsFrom()
    seldon: Seldon = Seldon()
    quota: Quota | None = None
    memory: int = 2 * _GIB
    env: Mapping[str, str] = field(default_factory=dict)
    egress: tuple[int, ...] = ()
    dns: Dns = Dns()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    priority_class: str | None = None
    service_account: Mapping[str, str] = field(default_factory=dict)
    keep: int = 3600
    parallelism: int | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Cluster":
        """From a graph's `target["kubernetes"]`, in the long forms of the spec. Keys that it has not are defaults."""
        given: dict[str, Any] = {
            name: _MADE[name](value) if name in _MADE else value
            for name, value in settings.items()
            if value is not None and name in cls.__dataclass_fields__
        }
        return cls(**given)


def _store(given: Mapping[str, Any]) -> Volume:
    return Volume(int(given["size"]), given.get("class"), given.get("access") or "ReadWriteMany")


def _tracking(given: Mapping[str, Any]) -> Volume:
    return Volume(int(given["size"]), given.get("class"))


def _expose(given: Mapping[str, Any]) -> Expose:
    ingress, gateway = given.get("ingress"), given.get("gateway")
    return Expose(
        domain=given.get("domain"),
        ingress=Ingress(
            ingress["class"], ingress.get("tls"), dict(ingress.get("annotations") or {}), ingress.get("controller")
        )
        if ingress
        else None,
        gateway=Gateway(gateway["name"], gateway.get("namespace"), gateway.get("section"), gateway.get("controller"))
        if gateway
        else None,
        clients=tuple(given.get("clients") or ()),
        metrics=given.get("metrics"),
    )


def _gpus(given: Mapping[str, Mapping[str, Any]]) -> dict[str, GpuKind]:
    return {
        name: GpuKind(
            kind.get("resource") or GpuKind.resource,
            dict(kind.get("node_selector") or {}),
            _tolerations(kind.get("tolerations") or ()),
        )
        for name, kind in given.items()
    }


def _secrets(given: Mapping[str, Any]) -> SecretsFrom:
    return SecretsFrom(**{"store_kind" if key == "kind" else key: value for key, value in given.items()})


def _quota(given: Mapping[str, Any]) -> Quota:
    return Quota(given.get("cpu"), given.get("memory"), given.get("gpu"), given.get("pods"))


def _tolerations(given: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    return tuple(dict(one) for one in given)


def _dns(given: Mapping[str, Any]) -> Dns:
    return Dns(**{key: tuple(value) for key, value in given.items() if value is not None})


_MADE: Mapping[str, Callable[[Any], Any]] = {
    "dns": _dns,
    "egress": tuple,
    "expose": _expose,
    "gpus": _gpus,
    "keep": int,
    "pull_secrets": tuple,
    "quota": _quota,
    "secrets": _secrets,
    "seldon": lambda given: Seldon(given.get("secret"), given.get("server")),
    "store": _store,
    "tolerations": _tolerations,
    "tracking": _tracking,
}
