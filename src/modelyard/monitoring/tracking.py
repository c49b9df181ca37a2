"""A monitor's numbers in MLflow: one run a monitor, a step a window, so that drift is a curve beside the trainings."""

import time
from collections.abc import Mapping

from modelyard.task import TaskDocument
from modelyard.tracking.place import place_of
from modelyard.tracking.runs import ADDRESS, Runs

_KIND = "modelyard.kind"


def log_window(document: TaskDocument, address: str, metrics: Mapping[str, float], step: int) -> str:
    """Log a window's numbers and give the run's id. Raises what MLflow raises."""
    runs = Runs(place_of(document))
    run = _run(runs, address)
    now = time.time_ns() // 1_000_000
    runs.log_metrics(run, [(_allowed(name), value, now, step) for name, value in metrics.items()])
    return run


def _run(runs: Runs, address: str) -> str:
    wanted = f"tags.`{ADDRESS}` = '{address}' AND tags.`{_KIND}` = 'monitor'"
    found = runs.client.search_runs([runs.experiment], wanted, max_results=1)
    if found:
        return str(found[0].info.run_id)
    return runs.start(address, {ADDRESS: address, _KIND: "monitor"})


def _allowed(name: str) -> str:
    """MLflow's alphabet of metric names."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
