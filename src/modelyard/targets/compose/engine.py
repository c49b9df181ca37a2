"""The Docker engine: reached through the SDK, with one line for each way in which it is not there."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.base import Capacity

OLDEST_API = (1, 41)  # engine 20.10


@dataclass(frozen=True)
class Engine:
    """`api` is the SDK's low-level client: one call of it is one request to the engine."""

    api: Any

    @classmethod
    def connect(cls, context: str | None = None) -> "Engine":
        """By `context`, else by DOCKER_HOST or the current context. Raises ModelyardError, code `no-engine`."""
        try:
            import docker
        except ImportError:
            raise ModelyardError(
                "target compose needs the package `docker`",
                fix="pip install 'modelyard[docker]'",
                code="missing-package",
            ) from None
        from docker.errors import DockerException

        try:
            client = docker.APIClient(version="auto", timeout=120, **_where(context))
        except DockerException as error:
            raise no_engine(error) from error
        version = tuple(int(part) for part in client.api_version.split("."))
        if version < OLDEST_API:
            raise ModelyardError(
                f"the Docker engine speaks API {client.api_version}; Modelyard needs 1.41 (engine 20.10) or later",
                fix="update Docker", code="no-engine",
            )  # fmt: skip
        return cls(client)

    @cached_property
    def info(self) -> dict[str, Any]:
        return dict(self.api.info())

    @property
    def rootless(self) -> bool:
        return any("rootless" in option for option in self.info.get("SecurityOptions") or ())

    @property
    def has_gpus(self) -> bool:
        runtimes = self.info.get("Runtimes") or {}
        return "nvidia" in runtimes or bool(self.info.get("DiscoveredDevices"))

    def capacity(self) -> Capacity:
        """What the engine's machine has. How many GPUs, it does not tell: None where it has any."""
        return Capacity(float(self.info["NCPU"]), int(self.info["MemTotal"]), None if self.has_gpus else 0)

    def has_image(self, name: str) -> dict[str, Any] | None:
        """The image as the engine knows it, or None."""
        from docker.errors import ImageNotFound

        try:
            return dict(self.api.inspect_image(name))
        except ImageNotFound:
            return None


def no_engine(error: Exception) -> ModelyardError:
    text = str(error)
    if "Permission denied" in text or "PermissionError" in text:
        return ModelyardError(
            "this user may not talk to the Docker engine", code="no-engine",
            fix="add yourself to the group `docker` (`sudo usermod -aG docker $USER`), and log in anew",
        )  # fmt: skip
    return ModelyardError(
        "no Docker engine answers", code="no-engine", details=[text[:300]],
        fix="start Docker (`sudo systemctl start docker`), or name another `context` under `target.compose`",
    )  # fmt: skip


def _where(context: str | None) -> dict[str, Any]:
    import os

    from docker.context import ContextAPI

    if context is None and os.environ.get("DOCKER_HOST"):
        return {"base_url": os.environ["DOCKER_HOST"]}
    found = ContextAPI.get_context(context) if context else ContextAPI.get_current_context()
    if found is None:
        raise ModelyardError(
            f"there is no Docker context `{context}`", fix="`docker context ls` lists them", code="no-engine"
        )
    tls = found.TLSConfig
    return {"base_url": found.Host, **({"tls": tls} if tls else {})}
