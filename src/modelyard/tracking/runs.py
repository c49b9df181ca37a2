"""MLflow's runs, by what Modelyard asks of them. Raises MLflow's own errors, which `Recorder` catches."""

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from modelyard.tracking.database import prepare_database
from modelyard.tracking.place import TrackingPlace

ADDRESS, FINGERPRINT, RUN, MODEL = "modelyard.address", "modelyard.fingerprint", "modelyard.run_id", "modelyard.model"
_PROCESS = "modelyard.process"
_PARAMS_A_CALL = 100
_METRICS_A_CALL = 1000
_LONGEST = 5000  # characters of a parameter's value; MLflow refuses more than 6,000


class Runs:
    """One experiment of one tracking server."""

    def __init__(self, place: TrackingPlace) -> None:
        self.place = place
        self.client = open_client(place)
        self.experiment = self._experiment()

    def _experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.place.experiment)
        if found is None:
            folder = self.place.artifacts and (self.place.artifacts / self.place.experiment).as_uri()
            try:
                return str(self.client.create_experiment(self.place.experiment, artifact_location=folder))
            except MlflowException:  # another process was faster
                found = self.client.get_experiment_by_name(self.place.experiment)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def start(self, name: str, tags: Mapping[str, str]) -> str:
        """A new run; its id."""
        own = {**tags, _PROCESS: _this_process(), "mlflow.source.name": "modelyard", "mlflow.source.type": "PROJECT"}
        return str(self.client.create_run(self.experiment, run_name=name, tags=own).info.run_id)

    def log_params(self, run: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        entries = [Param(name, str(value)[:_LONGEST]) for name, value in params.items()]
        for start in range(0, len(entries), _PARAMS_A_CALL):
            self.client.log_batch(run, params=entries[start : start + _PARAMS_A_CALL])

    def log_metrics(self, run: str, values: Sequence[tuple[str, float, int, int]]) -> None:
        """Values as (name, value, milliseconds since 1970, step)."""
        from mlflow.entities import Metric

        entries = [Metric(name, value, at, step) for name, value, at, step in values]
        for start in range(0, len(entries), _METRICS_A_CALL):
            self.client.log_batch(run, metrics=entries[start : start + _METRICS_A_CALL])

    def log_inputs(self, run: str, inputs: Mapping[str, str]) -> None:
        """The data that was read, by digest: MLflow shows it as the run's data sets."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        sets = [
            DatasetInput(
                Dataset(name=port, digest=digest[-36:], source_type="modelyard", source=f'{{"digest": "{digest}"}}'),
                [InputTag("mlflow.data.context", port)],
            )
            for port, digest in inputs.items()
        ]
        if sets:
            self.client.log_inputs(run, sets)

    def log_folder(self, run: str, folder: Path, name: str) -> None:
        if any(folder.iterdir()):
            self.client.log_artifacts(run, str(folder), name)

    def set_tags(self, run: str, tags: Mapping[str, str]) -> None:
        for name, value in tags.items():
            self.client.set_tag(run, name, value)

    def finish(self, run: str, status: str) -> None:
        self.client.set_terminated(run, status)

    def with_model(self, digest: str) -> str | None:
        """The newest finished run whose model has that digest."""
        found = self.client.search_runs(
            [self.experiment], f"tags.`{MODEL}` = '{digest}' and attributes.status = 'FINISHED'",
            max_results=1, order_by=["attributes.start_time DESC"],
        )  # fmt: skip
        return str(found[0].info.run_id) if found else None

    def end_abandoned(self, address: str) -> list[str]:
        """Mark runs of this address whose process is gone as KILLED; their ids, the newest first."""
        running = self.client.search_runs(
            [self.experiment], f"attributes.status = 'RUNNING' and tags.`{ADDRESS}` = '{address}'",
            order_by=["attributes.start_time DESC"],
        )  # fmt: skip
        gone = [str(run.info.run_id) for run in running if not _is_alive(run.data.tags.get(_PROCESS, ""))]
        for run in gone:
            self.client.set_terminated(run, "KILLED")
        return gone


def open_client(place: TrackingPlace) -> Any:
    """MLflow's client for a place, its database made where it is a file that is not there yet."""
    # MLflow reports its use to its makers unless told not to, and may wait for an answer.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # Large files go past a server with a bucket, straight to that, if nobody says otherwise: a task may reach the
    # server alone, and has no key.
    for way in ("UPLOAD", "DOWNLOAD"):
        os.environ.setdefault(f"MLFLOW_ENABLE_PROXY_MULTIPART_{way}", "false")
    if place.database and place.artifacts:
        prepare_database(place.database)
        # Without this its store makes an empty folder `mlruns` wherever the process happens to be.
        os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = str(place.artifacts)
    from mlflow import MlflowClient

    return MlflowClient(place.uri, place.uri)


def _this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.0f}"


def _is_alive(process: str) -> bool:
    """Whether the process of a run may still be there; one of another machine is taken to be."""
    host, _, rest = process.partition(":")
    if host != socket.gethostname():
        return bool(host)
    try:
        pid, started = rest.split(":")
        return bool(abs(psutil.Process(int(pid)).create_time() - float(started)) < 2)
    except (psutil.Error, ValueError):
        return False
