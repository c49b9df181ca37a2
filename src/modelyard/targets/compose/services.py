"""Services as Compose keeps them: deployed one at a time, each from its own record in the working folder."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets import ports
from modelyard.targets.base import Deployment, LiveService, OnEvent
from modelyard.targets.compose.definition import Service, inside, service_of
from modelyard.targets.compose.folder import ComposeFolder
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.observing import Container, containers
from modelyard.targets.compose.ownership import refuse_clash, remove_unused
from modelyard.targets.compose.proxies import PROXIES, in_memory, on_disk, proxy_variables
from modelyard.targets.compose.readiness import wait_until_ready
from modelyard.targets.compose.secret_files import forget_others, provide, values_beside, values_of
from modelyard.task import TaskDocument

Documents = Mapping[str, TaskDocument]


class ComposeServices:
    """`write` renders the working folder from what is deployed; `compose` runs the Compose command on it.

    `prepare` sees to a service's folders and its image, whose name it returns.
    """

    def __init__(
        self,
        scope: Scope,
        client: Callable[[], Any],
        compose: Callable[..., str],
        write: Callable[[Sequence[Service], Documents], None],
        prepare: Callable[[Service, OnEvent, threading.Event], str],
        role: Callable[[Any], str],
        user: int,
    ) -> None:
        self._scope = scope
        self._client = client
        self._compose = compose
        self._write = write
        self._prepare = prepare
        self._role = role
        self._user = user
        self._folder = ComposeFolder(scope.folder)
        self._rendering = threading.RLock()

    def deploy(self, deployment: Deployment, on_event: OnEvent) -> LiveService:
        node, document = deployment.node, deployment.document
        service = service_of(node, document.fingerprint, self._role(node), document.settings)
        before = self._known().get(service.address)
        service = self._at_its_port(service, node.config, before[0] if before else None)
        refuse_clash(self._client(), self._scope, [f"{self._scope.compose_name}_{name}" for name in service.volumes])
        service = replace(service, image=self._prepare(service, on_event, deployment.cancel))
        self._folder.keep(service, document)
        try:
            self._up(service, document)
            live = wait_until_ready(service, lambda: self._of(service), self._client(), on_event, deployment.cancel)
        except BaseException:
            self._put_back(service, before)
            raise
        made = next((one.made for one in reversed(self._of(service)) if not one.is_door), "")
        self._folder.keep(replace(service, made=made), document)
        return live

    def remove(self, address: str, on_event: OnEvent) -> None:
        known = self._known()
        self._folder.forget(address)
        for container in containers(self._client(), self._scope).get(address, ()):
            container.remove(self._client())
        known.pop(address, None)
        used = {name for service, _ in known.values() for name in service.secret_files}
        forget_others(self._scope, used | ({PROXIES} if known else set()))
        if known:
            self.render()
        remove_unused(self._client(), self._scope)
        on_event({"event": "note", "text": f"{address} stopped"})

    def log(self, address: str, number: int = 0, follow: bool = False) -> Iterator[str]:
        """The last lines that a service's newest container said. Raises ModelyardError where there is none."""
        servers = [c for c in containers(self._client(), self._scope).get(address, ()) if not c.is_door]
        if not servers:
            raise ModelyardError(f"{address} has no container", fix="`modelyard apply` starts it.", code="no-log")
        return servers[-1].log(self._client(), number, follow)

    def _known(self) -> dict[str, tuple[Service, TaskDocument]]:
        return self._folder.deployed()

    def render(self) -> None:
        """Write the working folder anew, from what is deployed. Services are brought up side by side: one at a time."""
        with self._rendering:
            known = self._known()
            documents = {address: inside(document, service) for address, (service, document) in known.items()}
            self._write([service for service, _ in known.values()], documents)

    def _up(self, service: Service, document: TaskDocument) -> None:
        changed = self._equip(service, document.settings)
        if service.door:
            # A door that stands at the right port stays, whatever else is new: through it no request is refused.
            stays = ["--no-recreate"] if self._holds_its_port(service) else []
            self._compose_up(*stays, service.name)
        anew = changed.intersection([*service.secret_files, PROXIES])
        self._compose_up(*(["--force-recreate"] if anew else []), service.container)

    def _equip(self, service: Service, settings: Mapping[str, Any]) -> set[str]:
        """Rendered files, secrets and proxies for all that is deployed; the names of secrets that changed."""
        with self._rendering:
            services = [one for one, _ in self._known().values()]
            proxies = proxy_variables(os.environ, {one.name for one in services})
            values = {**values_beside(services, settings), **values_of(service, settings), **in_memory(proxies)}
            kept = [name for one in services for name in one.secret_files]
            changed = provide(self._scope, values, self._user, kept)
            on_disk(self._scope, proxies)
            self.render()
        return changed

    def _compose_up(self, *arguments: str) -> None:
        self._compose("up", "--detach", "--no-deps", "--no-build", "--pull", "never", *arguments)

    def _at_its_port(self, service: Service, config: Mapping[str, Any], before: Service | None) -> Service:
        """As asked; else the port that it had; else its kind's own, or the next free one."""
        if service.published is None:
            return service
        asked = config.get("port")
        if not asked and before is not None and before.published:
            return replace(service, published=before.published)
        if not asked:
            return replace(service, published=ports.find_free(service.host, service.published))
        mine = before is not None and before.published == asked and before.host == service.host
        if not (mine and self._holds_its_port(service)) and not ports.is_free(service.host, service.published):
            raise ports.taken(service.address, service.host, service.published)
        return service

    def _holds_its_port(self, service: Service) -> bool:
        return any(service.published in container.ports for container in self._of(service))

    def _of(self, service: Service) -> Sequence[Container]:
        return containers(self._client(), self._scope).get(service.address, ())

    def _put_back(self, service: Service, before: tuple[Service, TaskDocument] | None) -> None:
        """What ran before runs again, or nothing."""
        if before is None:
            self.remove(service.address, lambda event: None)
            return
        self._folder.keep(*before)
        self._up(*before)
