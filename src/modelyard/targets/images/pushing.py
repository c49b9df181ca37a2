"""Images to their registry, with the logins of this user's Docker configuration; what came of it, by digest."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.files import write_whole
from modelyard.targets.base import OnEvent
from modelyard.targets.docker.engine import Engine
from modelyard.targets.docker.engine_errors import engine_error
from modelyard.wording import on_one_line

_GOES_ON = "then push again: what is there is not sent twice"
_CAUSES = (
    (r"unauthorized|no basic auth|authentication required|access forbidden|denied|403 Forbidden", "no-login",
     "it does not take this login", "`docker login {host}` with an account that may push there, {again}"),
    (r"server gave HTTP response to HTTPS|certificate signed by unknown|failed to verify certificate", "no-registry",
     "the engine does not trust it", "give the engine its certificate (/etc/docker/certs.d/{host}/ca.crt), or name it "
     "under `insecure-registries` of the engine's daemon.json, {again}"),
    (r"no such host|connection refused|i/o timeout|no route to host|server misbehaving|EOF|deadline exceeded",
     "no-registry", "it does not answer", "check `registry` and the network, {again}"),
    (r"name unknown|repository .*not (found|exist)|NAME_UNKNOWN", "no-repository", "it has no such repository",
     "make the repository {repository} there (some registries make none by themselves), {again}"),
    (r"toomanyrequests|429", "rate-limited", "it takes no more for now", "wait a little, {again}"),
    (r"no space left", "disk-full", "its disk is full", "free some space there, {again}"),
)  # fmt: skip


def push(engine: Engine, name: str, on_event: OnEvent, cancel: threading.Event) -> str:
    """Send an image to its registry; returns the digest there. Raises ModelyardError.

    Whether it is there already asks `pushed_digest`; layers that are there are not sent twice.
    """
    on_event({"event": "note", "text": f"pushing {name}"})
    said: dict[str, Any] = {}
    layers: dict[str, tuple[float, float]] = {}
    for line in _lines(engine, name):
        if cancel.is_set():
            raise ModelyardError(f"pushing {name} was cancelled", code="cancelled")
        if "error" in line:
            raise _refused(name, str(line["error"]))
        said |= line.get("aux") or {}
        if progress := _progress(line, layers):
            on_event(progress)
    digest = str(said.get("Digest") or "") or pushed_digest(engine, name)
    if not digest:
        raise ModelyardError(f"{name} was pushed, and its registry tells no digest of it", code="push-failed")
    on_event({"event": "note", "text": f"pushed {name}: {digest}"})
    return digest


def pushed_digest(engine: Engine, name: str) -> str:
    """Of an image as its registry has it; empty where it has it not, or does not tell."""
    from docker.errors import DockerException

    with suppress(DockerException):
        return str(engine.api.inspect_distribution(name)["Descriptor"]["digest"])
    return ""


def _lines(engine: Engine, name: str) -> Iterator[dict[str, Any]]:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    repository, _, tag = name.rpartition(":")
    try:
        yield from engine.api.push(repository, tag=tag, stream=True, decode=True)
    except (DockerException, RequestException) as error:
        raise engine_error(error) from error


def _progress(line: Mapping[str, Any], layers: dict[str, tuple[float, float]]) -> Mapping[str, Any] | None:
    """All layers together, in megabytes."""
    detail = line.get("progressDetail") or {}
    if "id" not in line or not detail.get("total"):
        return None
    total = float(detail["total"])
    layers[line["id"]] = (min(float(detail.get("current") or 0), total), total)
    done, whole = (sum(values) / 1e6 for values in zip(*layers.values(), strict=True))
    return {"event": "progress", "done": done, "total": whole, "text": f"{done:.0f} of {whole:.0f} MB"}


def _refused(name: str, said: str) -> ModelyardError:
    repository = name.rpartition(":")[0]
    host = repository.partition("/")[0]
    for pattern, code, what, fix in _CAUSES:
        if re.search(pattern, said):
            told = fix.format(host=host, repository=repository, again=_GOES_ON)
            return ModelyardError(f"{name} could not be pushed to {host}: {what}", fix=told, code=code, details=[said])
    return ModelyardError(f"{name} could not be pushed to {host}: {on_one_line(said, 200)}", code="push-failed")


class Pushed:
    """Digests of what was pushed from a folder, by name: they pin what is rendered and applied there."""

    def __init__(self, root: Path) -> None:
        self._path = root / ".modelyard" / "images.json"

    def known(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}

    def note(self, name: str, digest: str) -> None:
        """Of each repository only the latest is kept."""
        repository = name.rpartition(":")[0]
        others = {known: at for known, at in self.known().items() if known.rpartition(":")[0] != repository}
        write_whole(self._path, f"{json.dumps({**others, name: digest}, indent=1)}\n".encode())

    def pinned(self, name: str) -> str:
        """`registry/image:tag@sha256:…`, where its digest is known."""
        digest = self.known().get(name)
        return f"{name}@{digest}" if digest else name
