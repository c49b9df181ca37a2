"""Services from the CLI's side: say what should run, wait until it does, and see what does."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from modelyard import processes
from modelyard.errors import ModelyardError
from modelyard.secrets import references
from modelyard.targets import ports
from modelyard.targets.base import Deployment, LiveService, OnEvent, not_waited_for
from modelyard.targets.local.daemon import ensure_supervisor, supervisor_pid
from modelyard.targets.local.endings import end_process
from modelyard.targets.local.service_files import Running, ServiceFolder, Wanted, stem_of
from modelyard.targets.probing import PROBES
from modelyard.task import TaskDocument
from modelyard.wording import counted

READY_WITHIN = 120.0
_CRASHES = 3
_TICK = 0.05
_SUPERVISOR_LOOKED_AT = 1.0
Status = Literal["starting", "ready", "unhealthy", "stopped", "failed"]


class Services:
    """The services of one environment of a project on this machine."""

    def __init__(self, root: Path, environment: str | None, grace: float) -> None:
        self._root = root
        self._environment = environment or "default"
        self._grace = grace
        self._folder = ServiceFolder(root)

    def log_path(self, address: str) -> Path:
        return self._root / ".modelyard" / "logs" / f"{self._stem(address)}.log"

    def observe(self) -> dict[str, LiveService]:
        """Every service that should run here, as it is; those of other environments are not ours to see."""
        running = self._folder.running()
        mine = {s: w for s, w in self._folder.wanted().items() if w.environment == self._environment}
        return {wanted.address: _live(wanted, running.get(stem)) for stem, wanted in mine.items()}

    def deploy(self, deployment: Deployment, on_event: OnEvent) -> LiveService:
        node, stem = deployment.node, self._stem(deployment.node.address)
        before = self._folder.wanted().get(stem)
        wanted = self._wanted(deployment, before)
        secrets = references(node.config)
        changed_secrets = ensure_supervisor(self._root, secrets)
        same = before is not None and before.fingerprint == wanted.fingerprint and not changed_secrets
        if before is not None and not (same and self._is_up(stem, before)):
            wanted = replace(wanted, generation=before.generation + 1)
        elif before is not None:
            wanted = replace(wanted, generation=before.generation)
        self._check_port(stem, wanted, node.config)
        self._folder.want(stem, wanted)
        try:
            return self._wait_until_ready(stem, wanted, on_event, deployment.cancel)
        except BaseException:
            self._put_back(stem, before)
            raise

    def remove(self, address: str, on_event: OnEvent) -> None:
        stem = self._stem(address)
        self._folder.unwant(stem)
        deadline = time.monotonic() + self._grace + 10
        while (running := self._folder.running().get(stem)) is not None:
            if supervisor_pid(self._root) is None or time.monotonic() > deadline:
                if running.pid and running.known_as:
                    end_process(running.pid, running.known_as, self._grace)
                self._folder.forget(stem)
            time.sleep(_TICK)
        on_event({"event": "note", "text": f"{address} stopped"})

    def _stem(self, address: str) -> str:
        return stem_of(self._environment, address)

    def _wanted(self, deployment: Deployment, before: Wanted | None) -> Wanted:
        node, document = deployment.node, deployment.document
        host = str(node.config.get("host") or "127.0.0.1")
        port = self._port(node.kind, node.config, host, before)
        url = f"http://{ports.reachable(host)}:{port}" if port else None
        path = node.config.get("probe") or PROBES.get(node.kind)
        return Wanted(
            address=node.address,
            kind=node.kind,
            environment=self._environment,
            fingerprint=document.fingerprint,
            generation=1,
            document=_with_port(document, port).to_json(),
            url=url,
            probe=f"{url}{path}" if url and path else None,
            port=port,
            log=str(self.log_path(node.address)),
            grace=self._grace,
        )

    def _port(self, kind: str, config: Mapping[str, Any], host: str, before: Wanted | None) -> int | None:
        """As asked; else the one that it had; else the kind's own or the next free one; None for what has no port."""
        asked = config.get("port")
        if isinstance(asked, int) and asked:
            return asked
        if asked is None and kind not in ports.PORTS:
            return None
        if before is not None and before.port:
            return before.port
        return ports.find_free(host, ports.PORTS.get(kind, 8080))

    def _check_port(self, stem: str, wanted: Wanted, config: Mapping[str, Any]) -> None:
        host = str(config.get("host") or "127.0.0.1")
        if wanted.port is None or ports.is_free(host, wanted.port):
            return
        own = self._folder.running().get(stem)
        listens = own is not None and own.known_as and processes.is_running(own.pid or 0, own.known_as)
        before = self._folder.wanted().get(stem)
        if not (listens and before is not None and before.port == wanted.port):
            raise ports.taken(wanted.address, host, wanted.port)

    def _is_up(self, stem: str, before: Wanted) -> bool:
        running = self._folder.running().get(stem)
        return running is not None and _live(before, running).status in ("ready", "starting")

    def _wait_until_ready(self, stem: str, wanted: Wanted, on_event: OnEvent, cancel: threading.Event) -> LiveService:
        deadline = time.monotonic() + READY_WITHIN
        look_at = time.monotonic() + _SUPERVISOR_LOOKED_AT
        while True:
            running = self._folder.running().get(stem)
            if running is not None and running.generation == wanted.generation:
                if running.status == "ready":
                    return _live(wanted, running)
                if running.restarts >= _CRASHES:
                    raise self._never_ready(wanted, f"it ended {counted(running.restarts, 'time')}: {running.detail}")
            if time.monotonic() > deadline:
                detail = f": {running.detail}" if running and running.detail else ""
                raise self._never_ready(wanted, f"it was not ready within {READY_WITHIN:g} s{detail}")
            if time.monotonic() > look_at:
                ensure_supervisor(self._root, ())
                on_event({"event": "progress", "done": 0, "total": 1, "text": "waiting until it is ready"})
                look_at = time.monotonic() + _SUPERVISOR_LOOKED_AT
            if cancel.wait(_TICK):
                raise not_waited_for(wanted.address)

    def _never_ready(self, wanted: Wanted, why: str) -> ModelyardError:
        return ModelyardError(
            f"{wanted.address} did not come up: {why}",
            address=wanted.address,
            fix=f"its whole log is in {wanted.log}",
            code="service-failed",
            details=_tail(Path(wanted.log)),
        )

    def _put_back(self, stem: str, before: Wanted | None) -> None:
        """What ran before runs again, or nothing."""
        latest = self._folder.wanted().get(stem)
        if before is None:
            self._folder.unwant(stem)
        elif latest is not None:
            self._folder.want(stem, replace(before, generation=latest.generation + 1))


def _live(wanted: Wanted, running: Running | None) -> LiveService:
    if running is None:
        return LiveService(wanted.address, "stopped", None, wanted.url, detail="not started")
    alive = bool(running.pid and running.known_as) and processes.is_running(running.pid or 0, running.known_as or "")
    status = running.status if alive or running.status in ("failed", "stopped") else "failed"
    current = alive and running.generation == wanted.generation
    return LiveService(
        address=wanted.address,
        status=cast("Status", status),
        fingerprint=wanted.fingerprint if current else None,
        url=wanted.url,
        since=running.since or None,
        detail=running.detail if alive else running.detail or "its process is gone",
        version=running.version,
    )


def _with_port(document: TaskDocument, port: int | None) -> TaskDocument:
    if port is None:
        return document
    node = {**document.node, "config": {**document.node["config"], "port": port}}
    return replace(document, node=node)


def _tail(log: Path, lines: int = 15) -> list[str]:
    try:
        with log.open("rb") as stream:
            stream.seek(max(log.stat().st_size - 16384, 0))
            return stream.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []
