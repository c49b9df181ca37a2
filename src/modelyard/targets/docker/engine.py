"""The Docker engine: reached through the SDK, with one line for each way in which it is not there."""

import os
import socket
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.base import Capacity
from modelyard.targets.docker.engine_errors import engine_error, no_engine

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
                "a Docker engine is spoken to through the package `docker`",
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
        """What the engine tells of itself. Raises ModelyardError where it does not answer."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            return dict(self.api.info())
        except (DockerException, RequestException) as error:
            raise engine_error(error) from error

    @property
    def rootless(self) -> bool:
        return self._has_option("rootless")

    @property
    def remaps_users(self) -> bool:
        """Whether users inside are others outside, unless a container is told otherwise."""
        return self._has_option("userns")

    @property
    def has_selinux(self) -> bool:
        return self._has_option("selinux")

    @property
    def is_near(self) -> bool:
        """Whether it runs on this very machine, and not in a virtual one (Docker Desktop) or far away."""
        local = str(self.api.base_url).startswith("http+docker://")
        return local and self.info.get("Name") == socket.gethostname()

    @property
    def has_gpus(self) -> bool:
        runtimes = self.info.get("Runtimes") or {}
        return "nvidia" in runtimes or bool(self.info.get("DiscoveredDevices"))

    @cached_property
    def gpus(self) -> list[str] | None:
        """The GPUs by number; None where it has some and does not tell how many."""
        if not self.has_gpus:
            return []
        from modelyard.targets.slots import gpu_names

        return gpu_names() if self.is_near else None

    def capacity(self) -> Capacity:
        """What the engine's machine has."""
        gpu = None if self.gpus is None else len(self.gpus)
        return Capacity(float(self.info["NCPU"]), int(self.info["MemTotal"]), gpu)

    def _has_option(self, name: str) -> bool:
        return any(f"name={name}" in option for option in self.info.get("SecurityOptions") or ())

    def has_image(self, name: str) -> dict[str, Any] | None:
        """The image as the engine knows it, or None."""
        from docker.errors import ImageNotFound

        try:
            return dict(self.api.inspect_image(name))
        except ImageNotFound:
            return None


def _where(context: str | None) -> dict[str, Any]:
    """As the docker command decides it: the context named here, DOCKER_HOST, DOCKER_CONTEXT, the current one."""
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    if context is None and os.environ.get("DOCKER_HOST"):
        return dict(kwargs_from_env())
    name = context or os.environ.get("DOCKER_CONTEXT")
    found = ContextAPI.get_context(name) if name else ContextAPI.get_current_context()
    if found is None:
        raise ModelyardError(
            f"there is no Docker context `{name}`", fix="`docker context ls` lists them", code="no-engine"
        )
    tls = found.TLSConfig
    return {"base_url": found.Host, **({"tls": tls} if tls else {})}
