"""A monitor's numbers in MLflow: one run a monitor, a step a window, so that drift is a curve beside the trainings."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.secrets import resolve
from modelyard.task import TaskDocument

_TAG = "modelyard.address"


def log_window(document: TaskDocument, root: Path, address: str, metrics: Mapping[str, float], step: int) -> str:
    """Log a window's numbers and give the run's id. Raises what MLflow raises."""
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

    uri = _absolute(resolve(document.tracking["uri"], document.settings), root)
    client = MlflowClient(tracking_uri=uri)
    experiment = _experiment(client, document.project, uri, root)
    run = _run(client, experiment, address)
    now = time.time_ns() // 1_000_000
    client.log_batch(run, metrics=[Metric(_allowed(name), value, now, step) for name, value in metrics.items()])
    return run


def _absolute(uri: str, root: Path) -> str:
    """A relative SQLite file counts from the project, wherever the service was started."""
    scheme, separator, path = uri.partition(":///")
    if scheme != "sqlite" or not separator or path.startswith("/"):
        return uri
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{root / path}"


def _experiment(client: Any, project: str, uri: str, root: Path) -> str:
    found = client.get_experiment_by_name(project)
    if found is not None:
        return str(found.experiment_id)
    location = (root / ".modelyard" / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
    return str(client.create_experiment(project, artifact_location=location))


def _run(client: Any, experiment: str, address: str) -> str:
    found = client.search_runs(
        [experiment], f"tags.`{_TAG}` = '{address}' AND tags.`modelyard.kind` = 'monitor'", max_results=1
    )
    if found:
        return str(found[0].info.run_id)
    tags = {"mlflow.runName": address, _TAG: address, "modelyard.kind": "monitor"}
    return str(client.create_run(experiment, tags=tags).info.run_id)


def _allowed(name: str) -> str:
    """MLflow's alphabet of metric names."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
