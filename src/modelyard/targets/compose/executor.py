"""Tasks as containers: one each, with the runtime as its first process, ended and taken away whatever happens."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from modelyard.errors import ModelyardError
from modelyard.graph.model import Resources
from modelyard.targets.attempt import NOT_STARTED, Attempt, Watch, cannot_start, failed, outcome_of, write_document
from modelyard.targets.base import Capacity, OnEvent, Outcome
from modelyard.targets.compose import names
from modelyard.targets.compose.access import container_user, give_access, open_database
from modelyard.targets.compose.container import TaskContainer
from modelyard.targets.compose.definition import CLIENTS, tracking_inside
from modelyard.targets.compose.places import places_of
from modelyard.targets.compose.task_config import Wanted, container_config, container_name
from modelyard.targets.compose.task_secrets import handed
from modelyard.targets.docker.engine import Engine
from modelyard.targets.docker.engine_errors import engine_error, no_gpus
from modelyard.targets.slots import GpuSlots
from modelyard.targets.task_log import TaskLog
from modelyard.targets.twins import Twins
from modelyard.task import TaskDocument

ImageFor = Callable[[OnEvent, threading.Event], str]


class ComposeExecutor:
    """`image` names the image of tasks, and builds it where it is missing; `grace` is in seconds, as on local.

    `tidy` is done last, when an apply is over.
    """

    def __init__(
        self, engine: Engine, scope: names.Scope, image: ImageFor, grace: float = 5.0,
        tidy: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._scope = scope
        self._image = image
        self._grace = grace
        self._tidy = tidy
        self._twins = Twins()
        self._preparing = threading.Lock()
        self._prepared = False
        self._gpus = GpuSlots(engine.gpus or [])
        self._own: dict[str, TaskContainer | None] = {}

    def capacity(self) -> Capacity:
        return self._engine.capacity()

    def close(self) -> None:
        """End what still runs; what has ended has been taken away with its task."""
        for container in list(self._own.values()):
            if container is not None:
                container.close()
        self._tidy()

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
        known = self._engine.gpus
        if known is not None and resources.gpu > len(known):
            error = no_gpus(f"it has {len(known)}, and {resources.gpu} are asked for")
            return failed(error)

        def work() -> Outcome:
            with self._gpus.lend(resources.gpu if known else 0, cancel) as gpus:
                if cancel.is_set():
                    return NOT_STARTED
                return self._tried(Attempt(task, timeout, log, on_event, cancel), resources, gpus)

        return self._twins.once(task.workdir, work, cancel)

    def sweep(self) -> None:
        """Take away task containers of this scope that are not ours: an apply left them that was killed.

        The state's lock keeps any other apply of this scope from running now.
        """
        from docker.errors import APIError

        labels = [f"{name}={value}" for name, value in self._scope.labels.items()]
        for data in self._engine.api.containers(all=True, filters={"label": [*labels, names.RUN]}):
            ours = any(name.removeprefix("/") in self._own for name in data["Names"])
            if ours or not self._scope.owns(data["Labels"]):
                continue
            try:
                self._engine.api.remove_container(data["Id"], force=True, v=True)
            except APIError as error:
                if error.status_code not in (404, 409):  # gone, or going
                    raise

    def _tried(self, attempt: Attempt, resources: Resources, gpus: Sequence[str]) -> Outcome:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            image = self._prepare(attempt)
            return self._attempt(attempt, resources, gpus, image)
        except ModelyardError as error:
            return failed(error)
        except (DockerException, RequestException) as error:
            return failed(engine_error(error))
        except OSError as error:
            return cannot_start(error)

    def _prepare(self, attempt: Attempt) -> str:
        """What all tasks need, once; then the name of the image."""
        with self._preparing:
            if attempt.cancel.is_set():
                raise ModelyardError("cancelled before it started", code="cancelled")
            if not self._prepared:
                self.sweep()
                places = places_of(self._scope.root, attempt.task)
                give_access(places.written)
                if places.database:
                    open_database(places.database)
                self._prepared = True
            return self._image(attempt.on_event, attempt.cancel)

    def _attempt(self, attempt: Attempt, resources: Resources, gpus: Sequence[str], image: str) -> Outcome:
        given = handed(replace(attempt.task, tracking=tracking_inside(attempt.task.tracking)))
        document = write_document(given.document)
        give_access([Path(given.document.workdir), document.parent])
        user = container_user(self._engine.rootless)
        wanted = Wanted(image, str(document), user, self._grace, resources, gpus)
        config = container_config(self._engine, self._scope, given.document, wanted)
        name = container_name(self._scope, given.document)
        self._own[name] = None
        try:
            networks = [f"{self._scope.compose_name}_{CLIENTS}"] if attempt.task.tracking.get("served") else []
            container = self._own[name] = TaskContainer(self._engine.api, name, config, given.variables, networks)
            try:
                with TaskLog(attempt.log, attempt.task.attempt) as log:
                    watch = Watch(container, log, attempt.on_event, self._grace)
                    code = watch.until_the_end(attempt.timeout, attempt.cancel)
            finally:
                container.close()
                os.close(container.output)
        finally:
            del self._own[name]
        if container.lost:
            self._prepared = False  # it may still run where we do not see it: swept away before anything else starts
        return _explained(outcome_of(attempt, code, watch, log.tail()), container)


def _explained(outcome: Outcome, container: TaskContainer) -> Outcome:
    """With what the engine knows of a failure, and the task itself could not say any more."""
    if outcome.status != "failed":
        return outcome
    if container.out_of_memory:
        return replace(
            outcome, status="out-of-memory", reason="the kernel ended it because memory ran out",
            fix="give it more `resources.memory`, or less to hold at once", code="out-of-memory",
        )  # fmt: skip
    if container.lost and outcome.code in ("killed", "cancelled"):
        return replace(outcome, reason=container.lost.what, fix=container.lost.fix or "", code=container.lost.code)
    return outcome
