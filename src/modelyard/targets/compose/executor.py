"""Tasks as containers: one each, with the runtime as its first process, ended and taken away whatever happens."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from modelyard.errors import ModelyardError
from modelyard.graph.model import Resources
from modelyard.secrets import references, value
from modelyard.targets.attempt import Attempt, Watch, cannot_start, outcome_of, write_document
from modelyard.targets.base import Capacity, OnEvent, Outcome
from modelyard.targets.compose import names
from modelyard.targets.compose.access import container_user, give_access
from modelyard.targets.compose.container import TaskContainer
from modelyard.targets.compose.engine import Engine, no_engine
from modelyard.targets.compose.task_config import container_config, container_name, external_mounts
from modelyard.targets.task_log import TaskLog
from modelyard.targets.twins import Twins
from modelyard.task import TaskDocument

WRITTEN = ("store", "work", "predictions", "mlartifacts")
"""Folders of `.modelyard` that tasks write to, beside the files of SQLite in it."""
ImageFor = Callable[[OnEvent, threading.Event], str]


class ComposeExecutor:
    """`image` names the image of tasks, and builds it where it is missing; `grace` is in seconds, as on local."""

    def __init__(self, engine: Engine, scope: names.Scope, image: ImageFor, grace: float = 5.0) -> None:
        self._engine = engine
        self._scope = scope
        self._image = image
        self._grace = grace
        self._twins = Twins()
        self._ready = threading.Lock()
        self._swept = False

    def capacity(self) -> Capacity:
        return self._engine.capacity()

    def close(self) -> None:
        """Containers are taken away with their tasks."""

    def run(
        self,
        task: TaskDocument,
        resources: Resources,
        timeout: float | None,
        log: Path,
        on_event: OnEvent,
        cancel: threading.Event,
    ) -> Outcome:
        """See `modelyard.targets.base.Executor`."""
        if resources.gpu and not self._engine.has_gpus:
            reason = f"it asks for {resources.gpu} GPUs, and this Docker engine has none"
            fix = "install NVIDIA's container toolkit, or ask for no GPU"
            return Outcome("failed", reason=reason, fix=fix, code="does-not-fit")

        def work() -> Outcome:
            if cancel.is_set():
                return Outcome("cancelled", reason="cancelled before it started")
            return self._tried(Attempt(task, timeout, log, on_event, cancel), resources)

        return self._twins.once(task.workdir, work, cancel)

    def _tried(self, attempt: Attempt, resources: Resources) -> Outcome:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            image = self._prepare(attempt)
            return self._attempt(attempt, resources, image)
        except ModelyardError as error:
            status: Literal["cancelled", "failed"] = "cancelled" if error.code == "cancelled" else "failed"
            return Outcome(status, reason=error.what, fix=error.fix or "", code=error.code, tail=error.details)
        except (DockerException, RequestException) as error:
            lost = no_engine(error)
            if "port is already allocated" in str(error) or "No such image" in str(error):
                return Outcome("failed", reason=str(error), code="cannot-start")
            return Outcome("failed", reason=f"{lost.what}: {_line(error)}", fix=lost.fix or "", code=lost.code)
        except OSError as error:
            return cannot_start(error)

    def _prepare(self, attempt: Attempt) -> str:
        """What all tasks need, once; then what this one needs. The name of its image."""
        with self._ready:
            if not self._swept:
                self.sweep()
                state = self._scope.root / ".modelyard"
                give_access([state / name for name in WRITTEN])
                _open_databases(state)
                self._swept = True
            return self._image(attempt.on_event, attempt.cancel)

    def sweep(self) -> None:
        """Take away task containers of this scope that an apply left which was killed. Ours is not yet among them."""
        from docker.errors import NotFound

        labels = [f"{name}={value}" for name, value in self._scope.labels.items()]
        for data in self._engine.api.containers(all=True, filters={"label": [*labels, names.RUN]}):
            if self._scope.owns(data["Labels"]):
                try:
                    self._engine.api.remove_container(data["Id"], force=True, v=True)
                except NotFound:
                    continue

    def _attempt(self, attempt: Attempt, resources: Resources, image: str) -> Outcome:
        task = attempt.task
        document = write_document(task)
        give_access([Path(task.workdir), document.parent])
        secrets = _secrets(task)
        config = container_config(
            self._engine.api, self._scope, task, resources, image, str(document),
            user=container_user(self._engine.rootless), grace=self._grace, mounts=external_mounts(task, secrets.files),
        )  # fmt: skip
        container = TaskContainer(self._engine.api, container_name(self._scope, task), config, secrets.values)
        try:
            with TaskLog(attempt.log, task.attempt) as log:
                watch = Watch(container, log, attempt.on_event, self._grace)
                code = watch.until_the_end(attempt.timeout, attempt.cancel)
        finally:
            os.close(container.output)
            container.close()
        outcome = outcome_of(attempt, code, watch, log.tail())
        if outcome.status == "failed" and container.out_of_memory:
            return replace(
                outcome, status="out-of-memory", reason="the kernel ended it because memory ran out",
                fix="give it more `resources.memory`, or less to hold at once", code="out-of-memory",
            )  # fmt: skip
        return outcome


class _Secrets:
    """`values` go to the container's environment by its stdin; `files` are mounted where they are."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.files: list[str] = []


def _secrets(task: TaskDocument) -> _Secrets:
    found = _Secrets()
    sources: Mapping[str, Any] = task.settings.get("secrets") or {}
    for name in references([task.node["config"], dict(task.tracking), dict(task.store)]):
        source = sources.get(name) or {}
        if "file" in source:
            found.files.append(str(Path(source["file"]).expanduser().resolve()))
            continue
        variable = source.get("env", name)
        if variable in os.environ:  # one that is not set, the task says itself
            found.values[variable] = value(name, sources)
    return found


def _open_databases(state: Path) -> None:
    if os.getuid() == 0:
        state.chmod(state.stat().st_mode | 0o070)
        for path in state.glob("mlflow.db*"):
            path.chmod(path.stat().st_mode | 0o060)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
