"""What a plan asks of an engine on this machine: over its socket: importing the SDK takes longer than all the rest.

Only to look. Whatever is not as it should be (no such socket, an engine too old, one far away, an answer that nobody
expected) is left to the SDK, which knows more ways to an engine, and what to say where there is none.
"""

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from modelyard.targets.docker.engine import OLDEST_API, Engine
from modelyard.targets.small_http import Reply, get

_USUAL = "unix:///var/run/docker.sock"
_TIMEOUT = 20.0


class EngineSocket:
    """`engine` connects through the SDK, when it is needed."""

    def __init__(self, context: str | None, engine: Callable[[], Engine]) -> None:
        self._path = _path(context)
        self._engine = engine

    def containers(self, all: bool = False, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:  # noqa: A002 - as the SDK calls it
        """See the SDK's method of this name."""
        asked = quote(json.dumps(filters or {}))
        reply = self._ask(f"/containers/json?all={int(all)}&filters={asked}")
        found = _read(reply) if reply and reply.status == 200 else None
        if isinstance(found, list):
            return found
        return list(self._engine().api.containers(all=all, filters=filters))

    def has_image(self, name: str) -> dict[str, Any] | None:
        """See `modelyard.targets.docker.engine.Engine.has_image`."""
        reply = self._ask(f"/images/{quote(name)}/json")
        if reply and reply.status == 404:
            return None
        found = _read(reply) if reply and reply.status == 200 else None
        return found if isinstance(found, dict) else self._engine().has_image(name)

    def _ask(self, path: str) -> Reply | None:
        if not self._path:
            return None
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT)
                connection.connect(self._path)
                reply = get(connection, "docker", path, _TIMEOUT)
        except OSError:
            return None
        return reply if _version(reply) >= OLDEST_API else None


def _read(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:  # the engine went away in the middle of it
        return None


def _version(reply: Reply) -> tuple[int, ...]:
    parts = reply.headers.get("api-version", "").split(".")
    return tuple(int(part) for part in parts if part.isdecimal())


def _path(context: str | None) -> str | None:
    """Of the socket that the docker command would take, as `Engine.connect` does; None for another way."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    address = (not context and os.environ.get("DOCKER_HOST")) or _address(context) or ""
    return address.removeprefix("unix://") if address.startswith("unix://") else None


def _address(context: str | None) -> str | None:
    home = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = context or os.environ.get("DOCKER_CONTEXT") or (_json(home / "config.json").get("currentContext"))
    if not name or name == "default":
        return _USUAL
    import hashlib

    folder = home / "contexts" / "meta" / hashlib.sha256(str(name).encode()).hexdigest()
    endpoints = _json(folder / "meta.json").get("Endpoints") or {}
    return (endpoints.get("docker") or {}).get("Host")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
