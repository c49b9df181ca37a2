"""One run of one step, recorded by a thread of its own: neither MLflow's import nor its server slows the work."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from modelyard.task import TaskDocument
from modelyard.tracking.mirrors import open_mirrors
from modelyard.tracking.place import place_of

if TYPE_CHECKING:
    from modelyard.tracking.runs import Runs

Emit = Callable[[Mapping[str, Any]], None]
_PATIENCE = 60.0  # seconds that the end of a step waits for what is still to be recorded


class Recorder:
    """What happens in one run, in order. Nothing here raises: what fails is told once as a warning, the rest is let go.

    A context manager: the run ends as FINISHED, as FAILED by an exception, or as KILLED by an interrupt. With `model`,
    the digest of a model folder, the run that made it is written to, where there is one. `parent` is the run that this
    one is nested in; empty where that one is to come, and takes it in by `nest`.
    """

    def __init__(
        self, document: TaskDocument, emit: Emit, *, name: str = "", parent: str | None = None, model: str | None = None
    ) -> None:
        self._document = document
        self._emit = emit
        self._name = name or str(document.node["address"])
        self._parent = parent
        self._model = model
        self._joined = False  # it is another step's run, which has ended already
        self._queue: queue.Queue[Callable[[Runs, str], None] | None] = queue.Queue()
        self._started = threading.Event()
        self._run: str | None = None
        self._failure: str | None = None
        self._mirrors = [] if model else open_mirrors(document, self._name, emit)
        _settle_imports()
        self._thread = threading.Thread(target=self._work, name=f"recorder-{self._name}", daemon=True)
        self._thread.start()

    def run_id(self, timeout: float = _PATIENCE) -> str | None:
        """The run's id in MLflow, or None where it could not be started in time."""
        self._started.wait(timeout)
        return self._run

    def params(self, params: Mapping[str, Any]) -> None:
        flat = flatten(params)
        self._put(lambda runs, run: runs.log_params(run, flat))
        for mirror in self._mirrors:
            mirror.params(flat)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        at = int(time.time() * 1000)
        entries = [(name, float(value), at, step) for name, value in values.items()]
        self._put(lambda runs, run: runs.log_metrics(run, entries))
        for mirror in self._mirrors:
            mirror.metrics(values, step)

    def tags(self, tags: Mapping[str, str]) -> None:
        self._put(lambda runs, run: runs.set_tags(run, tags))

    def nest(self, run: str, tags: Mapping[str, str]) -> None:
        """Take in a run that was over before this one began."""
        self._put(lambda runs, own: runs.set_tags(run, {"mlflow.parentRunId": own, **tags}))

    def folder(self, folder: Path, name: str) -> None:
        """A folder's files as artifacts under `name`; read when it is recorded, so before the step's end."""
        self._put(lambda runs, run: runs.log_folder(run, folder, name))

    def model(self, folder: Path, digest: str) -> None:
        """A model folder as an MLflow model that `mlflow.pyfunc.load_model` loads, found again by its digest."""
        from modelyard.tracking.models import log_model

        def log(runs: "Runs", run: str) -> None:
            log_model(runs, run, folder, digest)

        self._put(log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = "FAILED" if isinstance(error, Exception) else "KILLED"
        self.finish("FINISHED" if error is None else ended)

    def finish(self, status: str) -> None:
        """End the run and wait until all is recorded, a minute at most."""
        self._put(lambda runs, run: None if self._joined else runs.finish(run, status))
        self._queue.put(None)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self._warn("the tracking server is too slow: the end of this run may be missing there")
        for mirror in self._mirrors:
            mirror.close()

    def _put(self, verb: "Callable[[Runs, str], None]") -> None:
        if self._failure is None:
            self._queue.put(verb)

    def _work(self) -> None:
        try:
            runs, run = self._start()
        except Exception as error:  # noqa: BLE001 - recording never stops the work
            self._fail(error)
            return
        finally:
            self._started.set()
        while (verb := self._queue.get()) is not None:
            try:
                verb(runs, run)
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(error)

    def _start(self) -> "tuple[Runs, str]":
        from modelyard.tracking.runs import ADDRESS, Runs

        runs = Runs(place_of(self._document))
        if self._model and (found := runs.with_model(self._model)):
            self._run, self._joined = found, True
            return runs, found
        tags = run_tags(self._document)
        if self._parent:
            tags |= {"mlflow.parentRunId": self._parent}
        elif self._parent is None:
            gone = runs.end_abandoned(tags[ADDRESS])
            tags |= {"modelyard.continues": gone[0]} if gone else {}
        self._run = runs.start(self._name, tags)
        runs.log_inputs(self._run, {port: one.digest for port, one in self._document.inputs.items()})
        return runs, self._run

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = " ".join(str(error).split())[:300] or type(error).__name__
            self._warn(f"not recorded in MLflow: {self._failure}")

    def _warn(self, text: str) -> None:
        self._emit({"event": "warning", "text": text})


def run_tags(document: TaskDocument) -> dict[str, str]:
    """What a run is found by: address, fingerprint, Modelyard's run, attempt, commit, and the digests of its data."""
    from modelyard.tracking.runs import ADDRESS, FINGERPRINT, RUN

    git = document.git
    tags = {
        ADDRESS: str(document.node["address"]),
        FINGERPRINT: document.fingerprint,
        RUN: document.run_id,
        "modelyard.attempt": str(document.attempt),
        "modelyard.environment": document.environment or "",
        "modelyard.project": document.project,
        **{f"modelyard.input.{port}": one.digest for port, one in document.inputs.items()},
    }
    if git.get("commit"):
        tags |= {
            "mlflow.source.git.commit": str(git["commit"]),
            "modelyard.git.dirty": str(bool(git.get("dirty"))).lower(),
        }
    return {name: value for name, value in tags.items() if value}


def _settle_imports() -> None:
    """Import here what MLflow would import in its thread and scikit-learn looks up in `sys.modules` meanwhile.

    Seen: «partially initialized module 'polars' has no attribute 'DataFrame'», out of a fit.
    """
    for name in ("pandas", "pyarrow", "polars"):
        with suppress(ImportError):
            import_module(name)


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level, their names joined by dots."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{key}.")
        else:
            flat[key] = value
    return flat
