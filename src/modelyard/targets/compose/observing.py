"""What runs on the engine: the containers of one environment of a project, told by their labels, in one call."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from modelyard.targets.base import LiveService
from modelyard.targets.compose import names
from modelyard.targets.compose.definition import Service
from modelyard.targets.probing import ask

_STATES: Mapping[str, Literal["starting", "ready", "unhealthy", "stopped", "failed"]] = {
    "created": "stopped", "exited": "stopped", "dead": "failed", "paused": "unhealthy", "restarting": "failed",
    "removing": "stopped",
}  # fmt: skip


@dataclass(frozen=True)
class Container:
    """One container of a service. `health` is empty where it has no health check."""

    id: str
    address: str
    state: str
    health: str
    created: int
    image: str
    fingerprint: str
    url: str
    is_door: bool
    made: str
    ports: frozenset[int]

    @property
    def running(self) -> bool:
        return self.state == "running"

    def fate(self, client: Any) -> tuple[int, bool]:
        """How often the engine started it again, and whether it has ended for want of memory."""
        from docker.errors import NotFound

        try:
            data = client.inspect_container(self.id)
        except NotFound:
            return 0, False
        return int(data["RestartCount"]), bool(data["State"].get("OOMKilled"))

    def log(self, client: Any, number: int = 0, follow: bool = False) -> Iterator[str]:
        """Its last `number` lines (0: all), and with `follow` those to come."""
        from docker.errors import NotFound

        try:
            said = client.logs(self.id, stdout=True, stderr=True, stream=True, follow=follow, tail=number or "all")
            rest = b""
            for part in said:
                *lines, rest = (rest + part).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
            if rest:
                yield rest.decode(errors="replace")
        except NotFound:
            return

    def remove(self, client: Any) -> None:
        """Ask it to end, and take it away. One that is gone is no error."""
        from docker.errors import NotFound

        try:
            client.stop(self.id, timeout=10)
            client.remove_container(self.id, force=True)
        except NotFound:
            return


def observed(client: Any, scope: names.Scope, known: Mapping[str, Service]) -> dict[str, LiveService]:
    """What runs, and what is `known` to be deployed and does not run any more."""
    found = containers(client, scope)
    lives = {
        address: _asked(service, live_service(service, found.get(address, ()))) for address, service in known.items()
    }
    strays = {address: live_service(None, those) for address, those in found.items() if address not in known}
    return lives | strays


def containers(client: Any, scope: names.Scope) -> dict[str, list[Container]]:
    """By address, the oldest first; tasks are not among them."""
    filters = {"label": [f"{name}={value}" for name, value in scope.labels.items()]}
    found: dict[str, list[Container]] = {}
    for data in sorted(client.containers(all=True, filters=filters), key=lambda data: data["Created"]):
        labels = data["Labels"]
        if names.RUN not in labels and scope.owns(labels):
            one = _container(data, labels)
            found.setdefault(one.address, []).append(one)
    return found


def _container(data: Mapping[str, Any], labels: Mapping[str, str]) -> Container:
    status = data.get("Status") or ""
    health = status.rpartition("(")[2].removesuffix(")").removeprefix("health: ") if status.endswith(")") else ""
    return Container(
        id=data["Id"],
        address=labels.get(names.ADDRESS, ""),
        state=data["State"],
        health=health if health in ("healthy", "unhealthy", "starting") else "",
        created=data["Created"],
        image=data["Image"],
        fingerprint=labels.get(names.FINGERPRINT, ""),
        url=labels.get(names.URL, ""),
        is_door=labels.get(names.PART) == "door",
        made=labels.get("com.docker.compose.config-hash", ""),
        ports=frozenset(port["PublicPort"] for port in data.get("Ports") or () if port.get("PublicPort")),
    )


def live_service(service: Service | None, found: Sequence[Container]) -> LiveService:
    """A service as it is now: `service` is what was deployed, None for containers that no record speaks of."""
    servers = [container for container in found if not container.is_door]
    doors = [container for container in found if container.is_door]
    address = service.address if service else found[0].address
    url = service.url if service else (servers[-1].url if servers else None)
    if not servers:
        return LiveService(address, "stopped", None, url, detail="its container is gone")
    newest = servers[-1]
    since = datetime.fromtimestamp(newest.created, UTC).isoformat(timespec="seconds")
    fingerprint = newest.fingerprint if newest.running else None
    if service is not None and service.door and not any(service.published in door.ports for door in doors):
        return LiveService(
            address, "stopped", fingerprint, url, since, "the container that holds its port is not running"
        )
    if not newest.running:
        return LiveService(
            address, _STATES.get(newest.state, "failed"), None, url, since, f"its container is {newest.state}"
        )
    status: Literal["ready", "starting"] = "ready"
    if service is not None and service.image and newest.image != service.image:
        fingerprint = newest.image  # somebody put another in its place
    if service is not None and service.made and newest.made != service.made:
        fingerprint = newest.made  # somebody edited compose.yaml, and brought it up
    if newest.health == "unhealthy":
        return LiveService(address, "unhealthy", fingerprint, url, since, "its health check fails")
    if newest.health == "starting":
        status = "starting"
    return LiveService(address, status, fingerprint, url, since)


def _asked(service: Service, live: LiveService) -> LiveService:
    """Its version, and whether it is ready now: the engine's own check comes round every ten seconds only."""
    if live.status not in ("ready", "starting") or service.url is None or service.probe is None:
        return live
    answer = ask(f"{service.url}{service.probe}")
    return replace(live, status="ready", version=answer.version) if answer.ready else live
