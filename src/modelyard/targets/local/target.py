"""The local target: this machine, and nothing needed but Python."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.targets.base import Deployment, Files, Live, LiveService, OnEvent
from modelyard.targets.local.executor import LocalExecutor
from modelyard.targets.local.rendering import render_processes
from modelyard.targets.local.services import Services
from modelyard.targets.log_lines import log_lines


class LocalTarget:
    """Tasks are child processes; services are kept by one supervisor a project. See `modelyard.targets.base.Target`."""

    name = "local"

    def __init__(
        self, project: str, root: Path, *, environment: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.project = project
        self.root = root.resolve()
        self._grace = _seconds((settings or {}).get("grace", 5.0))
        self._services = Services(self.root, environment, self._grace)
        self._executor: LocalExecutor | None = None

    def render(self, graph: Graph) -> Files:
        return render_processes(graph)

    def observe(self, graph: Graph) -> Live:
        return Live(self._services.observe())

    def executor(self) -> LocalExecutor:
        if self._executor is None:
            self._executor = LocalExecutor(self._grace)
            self._executor.warm_up()
        return self._executor

    def deploy(self, deployment: Deployment, on_event: OnEvent) -> LiveService:
        return self._services.deploy(deployment, on_event)

    def remove(self, address: str, on_event: OnEvent) -> None:
        self._services.remove(address, on_event)

    def sweep(self, volumes: bool = False) -> None:
        """Nothing is left: tasks end with the process that started them."""

    def log(self, address: str, number: int = 0, follow: bool = False) -> Iterator[str]:
        path = self._services.log_path(address)
        if not path.exists():
            raise ModelyardError(f"{address} has not run yet", fix="`modelyard apply` runs it.", code="no-log")
        return log_lines(path, number, follow)


def open_local(graph: Graph, root: Path, settings: Mapping[str, Any]) -> LocalTarget:
    return LocalTarget(graph.project, root, environment=graph.environment, settings=settings)


def _seconds(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise ModelyardError(f"`grace` of the local target must be seconds, not {value!r}", code="bad-setting")
