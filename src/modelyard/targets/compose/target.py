"""The Compose target: tasks as containers of their own, services under Docker Compose, on one engine."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from modelyard.graph.model import Graph
from modelyard.targets.base import Deployment, Files, Live, LiveService, OnEvent
from modelyard.targets.compose.access import container_user, give_access
from modelyard.targets.compose.compose_cli import ComposeCli
from modelyard.targets.compose.definition import Service
from modelyard.targets.compose.engine import Engine
from modelyard.targets.compose.executor import ComposeExecutor
from modelyard.targets.compose.folder import ComposeFolder
from modelyard.targets.compose.images import Image, image_role, images_of
from modelyard.targets.compose.images.building import build
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.rendering import render_files, render_graph
from modelyard.targets.compose.services import ComposeServices
from modelyard.task import TaskDocument

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
        self._context = settings.get("context")
        self._building = threading.Lock()

    def render(self, graph: Graph) -> Files:
        images = images_of(graph, self._scope.root, self._base)
        return render_graph(graph, self._scope, images, self._base, container_user())

    def observe(self, graph: Graph) -> Live:
        return Live(self._services.observe())

    def executor(self) -> ComposeExecutor:
        return self._executor

    def deploy(self, deployment: Deployment, on_event: OnEvent) -> LiveService:
        return self._services.deploy(deployment, on_event)

    def remove(self, address: str, on_event: OnEvent) -> None:
        self._services.remove(address, on_event)

    def sweep(self) -> None:
        self._executor.sweep()

    def log(self, address: str, number: int = 0, follow: bool = False) -> Iterator[str]:
        return self._services.log(address, number, follow)

    @cached_property
    def _engine(self) -> Engine:
        return Engine.connect(self._context)

    @cached_property
    def _images(self) -> dict[str, Image]:
        return dict(images_of(self._graph, self._scope.root, self._base))

    @cached_property
    def _services(self) -> ComposeServices:
        return ComposeServices(
            self._scope,
            client=lambda: self._engine.api,
            compose=self._compose,
            write=self._write,
            prepare=self._prepare,
            role=image_role,
            user=int(container_user().partition(":")[0]),
        )

    @cached_property
    def _executor(self) -> ComposeExecutor:
        return ComposeExecutor(self._engine, self._scope, self._tasks_image, GRACE)

    def _compose(self, *arguments: str) -> str:
        return ComposeCli(self._scope, self._context).run(*arguments)

    def _write(self, services: Sequence[Service], documents: Mapping[str, TaskDocument]) -> None:
        files = render_files(self._scope, services, documents, self._images, self._base, container_user())
        ComposeFolder(self._scope.folder).write(files)

    def _tasks_image(self, on_event: OnEvent, cancel: threading.Event) -> str:
        return self._image("tasks", on_event, cancel)

    def _image(self, role: str, on_event: OnEvent, cancel: threading.Event) -> str:
        """The image's name, built if the engine has it not. One build at a time."""
        with self._building:
            image = self._images[role]
            self._services.render()
            cli = ComposeCli(self._scope, self._context)
            build(cli, self._engine, str(self._scope.root), [image], on_event, cancel)
            return image.name

    def _prepare(self, service: Service, on_event: OnEvent) -> str:
        give_access([self._scope.root / folder for folder in service.folders])
        return self._image(service.role, on_event, threading.Event())


def open_compose(graph: Graph, root: Path, settings: Mapping[str, Any]) -> ComposeTarget:
    return ComposeTarget(graph, root, settings)
