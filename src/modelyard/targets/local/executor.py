"""Tasks as child processes of this machine."""

import os
import threading
from pathlib import Path

from modelyard.graph.model import Resources
from modelyard.targets.attempt import NOT_STARTED, Attempt, Watch, cannot_start, outcome_of, write_document
from modelyard.targets.base import Capacity, OnEvent, Outcome
from modelyard.targets.local.environment import child_environment
from modelyard.targets.local.launch import Launcher
from modelyard.targets.slots import GpuSlots, gpu_names, machine
from modelyard.targets.task_log import TaskLog
from modelyard.targets.twins import Twins
from modelyard.task import TaskDocument

FRESH = frozenset({"train", "tune"})
"""Kinds that load libraries which expect an interpreter of their own; all others are forked from a warm one."""


class LocalExecutor:
    """`grace` is what a task gets between being asked to end and being ended, in seconds."""

    def __init__(self, grace: float = 5.0) -> None:
        self._grace = grace
        self._launcher = Launcher()
        self._gpus = GpuSlots(gpu_names())
        self._twins = Twins()

    def warm_up(self) -> None:
        """Start what makes tasks start fast; without waiting for it."""
        self._launcher.warm_up()

    def capacity(self) -> Capacity:
        return machine()

    def close(self) -> None:
        self._launcher.close()

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
        if resources.gpu > self._gpus.total:
            reason = f"it asks for {resources.gpu} GPUs, and this machine has {self._gpus.total}"
            return Outcome("failed", reason=reason, code="does-not-fit")

        def work() -> Outcome:
            with self._gpus.lend(resources.gpu, cancel) as gpus:
                if cancel.is_set():
                    return NOT_STARTED
                try:
                    return self._attempt(Attempt(task, timeout, log, on_event, cancel), gpus, resources.memory)
                except OSError as error:
                    return cannot_start(error)

        return self._twins.once(task.workdir, work, cancel)

    def _attempt(self, attempt: Attempt, gpus: list[str], memory: int) -> Outcome:
        task = attempt.task
        document = write_document(task)
        environment = child_environment(MODELYARD_GRACE=str(self._grace))
        if memory:
            environment["MODELYARD_MEMORY"] = str(memory)
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        process = self._launcher.launch(str(document), environment, task.node["kind"] in FRESH)
        try:
            with TaskLog(attempt.log, task.attempt) as log:
                watch = Watch(process, log, attempt.on_event, self._grace)
                code = watch.until_the_end(attempt.timeout, attempt.cancel)
        finally:
            os.close(process.output)
            process.close()
        return outcome_of(attempt, code, watch, log.tail())
