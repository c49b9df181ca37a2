"""The Compose target: tasks as containers of their own, services under Docker Compose, on one engine."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.graph.model import Graph
from modelyard.targets.base import Deployment, Files, Live, LiveService, OnEvent
from modelyard.targets.compose.access import container_user, give_access
from modelyard.targets.compose.definition import Service
from modelyard.targets.compose.folder import ComposeFolder
from modelyard.targets.compose.image_notes import image_notes
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.observing import observed
from modelyard.targets.docker.engine import Engine
from modelyard.targets.docker.engine_socket import EngineSocket
from modelyard.targets.images import Image, image_role, images_of
from modelyard.targets.images.kept import Held, held, sweep_images
from modelyard.task import TaskDocument

# What only an apply needs is imported by it: a plan is made many times as often.
if TYPE_CHECKING:
    from modelyard.targets.compose.executor import ComposeExecutor
    from modelyard.targets.compose.services import ComposeServices
    from modelyard.targets.docker.compose_cli import ComposeCli

BASE = "python:3.11-slim"
GRACE = 5.0


class ComposeTarget:
    """See `modelyard.targets.base.Target`. The engine is asked for when it is first needed, not to render."""

    name = "compose"

    def __init__(self, graph: Graph, root: Path, settings: Mapping[str, Any] | None = None) -> None:
        settings = settings or {}
        self._graph = graph
        self._scope = Scope(graph.project, graph.environment or "default", root.resolve())
        self._base = str(settings.get("base") or BASE)
        self._registry = settings.get("registry")
        self._context = settings.get("context")
        self._building = threading.Lock()
        self._built = False

    def render(self, graph: Graph) -> Files:
        from modelyard.targets.compose.rendering import render_graph

        images = images_of(graph, self._scope.root, self._base, registry=self._registry)
        return render_graph(graph, self._scope, images, self._base, container_user())

    def observe(self, graph: Graph) -> Live:
        engine = EngineSocket(self._context, lambda: self._engine)
        known = {address: service for address, (service, _) in self._folder.deployed().items()}
        return Live(observed(engine, self._scope, known), image_notes(graph, known, engine, self._held))

    def _held(self) -> list[Held]:
        return held(self._engine.api, self._scope.project, str(self._scope.root))

    def executor(self) -> "ComposeExecutor":
        return self._executor

    def deploy(self, deployment: Deployment, on_event: OnEvent) -> LiveService:
        return self._services.deploy(deployment, on_event)

    def remove(self, address: str, on_event: OnEvent) -> None:
        self._services.remove(address, on_event)

    def sweep(self, volumes: bool = False) -> None:
        self._executor.sweep()
        if volumes:
            from modelyard.targets.compose.ownership import remove_unused

            remove_unused(self._engine.api, self._scope, data=True)

    def log(self, address: str, number: int = 0, follow: bool = False) -> Iterator[str]:
        return self._services.log(address, number, follow)

    @cached_property
    def _engine(self) -> Engine:
        return Engine.connect(self._context)

    @cached_property
    def _images(self) -> dict[str, Image]:
        return images_of(self._graph, self._scope.root, self._base, registry=self._registry)

    @cached_property
    def _services(self) -> "ComposeServices":
        from modelyard.targets.compose.services import ComposeServices

        return ComposeServices(
            self._scope,
            client=lambda: self._engine.api,
            compose=self._cli.run,
            write=self._write,
            prepare=self._prepare,
            role=image_role,
            user=int(container_user().partition(":")[0]),
        )

    @cached_property
    def _executor(self) -> "ComposeExecutor":
        from modelyard.targets.compose.executor import ComposeExecutor

        return ComposeExecutor(self._engine, self._scope, self._tasks_image, GRACE, self._sweep_images)

    @cached_property
    def _cli(self) -> "ComposeCli":
        from modelyard.targets.docker.compose_cli import ComposeCli

        return ComposeCli(self._scope, self._context)

    @cached_property
    def _folder(self) -> ComposeFolder:
        return ComposeFolder(self._scope.folder)

    def _write(self, services: Sequence[Service], documents: Mapping[str, TaskDocument]) -> None:
        from modelyard.targets.compose.proxies import proxies_file
        from modelyard.targets.compose.rendering import render_files

        proxies = str(proxies_file(self._scope) or "")
        files = render_files(self._scope, services, documents, self._images, self._base, container_user(), proxies)
        self._folder.write(files)

    def _tasks_image(self, on_event: OnEvent, cancel: threading.Event) -> str:
        return self._image("tasks", on_event, cancel)

    def _image(self, role: str, on_event: OnEvent, cancel: threading.Event) -> str:
        """The image's name, built if the engine has it not. One build at a time."""
        from modelyard.targets.images.building import build

        with self._building:
            image = self._images[role]
            if build(self._cli, self._engine, str(self._scope.root), [image], on_event, cancel, self._services.render):
                self._built = True
            return image.name

    def _sweep_images(self) -> None:
        """After an apply that built some: what earlier ones left behind."""
        if not self._built:
            return
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        named = [image.name for image in self._images.values()]
        named += [service.image for service, _ in self._folder.deployed().values()]
        with suppress(DockerException, RequestException):  # the engine has gone: what is left behind costs space alone
            sweep_images(self._engine.api, self._scope.project, str(self._scope.root), named)
        self._built = False

    def _prepare(self, service: Service, on_event: OnEvent, cancel: threading.Event) -> str:
        if service.is_companion:
            from modelyard.targets.docker.pulling import pull_missing

            pull_missing(self._engine, service.image, on_event)
            return service.image
        give_access([self._scope.root / folder for folder in service.folders])
        return self._image(service.role, on_event, cancel)


def open_compose(graph: Graph, root: Path, settings: Mapping[str, Any]) -> ComposeTarget:
    return ComposeTarget(graph, root, settings)
