"""The flights example, whole: tables to an endpoint and its drift check."""

import json
import time
from collections.abc import Callable

import pytest
from e2e_project import Project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

FLIGHT = {"carrier": "UA", "origin": "EWR", "distance": 1400, "hour": 18, "month": 6, "temp": 80.1, "visibility": 10.0,
          "wind": 5.0, "rain_6h": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def flights(example: Callable[[str], Project]) -> Project:
    project = example("flights")
    project.edit("default: 12, description: How much", "default: 3, description: How much")
    project.edit("default: 4, description: Trials", "default: 2, description: Trials")
    project.run("apply", "--auto-approve")
    return project


def test_plan_after_apply_is_empty(flights: Project) -> None:
    flights.run("plan", "--detailed-exitcode")
    assert flights.actions() == {}


def test_everything_is_up(flights: Project) -> None:
    nodes = {node["address"]: node["status"] for node in flights.json("status")["nodes"]}
    assert nodes["serving.api"] == "ready"
    assert nodes["monitoring.drift"] == "ready"
    assert set(nodes.values()) <= {"ok", "ready"}


def test_endpoint_answers_for_rows(flights: Project) -> None:
    rows = flights.root / "row.json"
    rows.write_text(json.dumps([FLIGHT, {**FLIGHT, "hour": 6}]))
    answer = json.loads(flights.run("predict", "serving.api", str(rows)).stdout)
    predictions = answer["predictions"]
    assert len(predictions) == 2


def test_users_own_mlflow_client_finds_run_metrics_and_model(flights: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow
    import pandas as pd

    monkeypatch.chdir(flights.root)
    mlflow.set_tracking_uri("sqlite:///.modelyard/mlflow.db")
    mlflow.set_registry_uri("sqlite:///.modelyard/mlflow.db")
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias("late", "production")
    assert int(version.version) == 1
    runs = mlflow.search_runs(experiment_names=["flights"])
    assert (runs["metrics.roc_auc"].dropna() > 0.55).any()
    model = mlflow.pyfunc.load_model("models:/late@production")
    assert len(model.predict(pd.DataFrame([FLIGHT]))) == 1


def test_expectation_that_fails_stops_what_hangs_below(flights: Project) -> None:
    flights.edit("min_value: 1000}", "min_value: 100000000}")
    try:
        said = flights.run("apply", "--auto-approve", code=1).stderr
        assert "expect_table_row_count_to_be_between" in said
    finally:
        flights.edit("min_value: 100000000}", "min_value: 1000}")
    flights.run("apply", "--auto-approve")
    assert flights.actions() == {}


def test_new_version_is_served_without_restart(flights: Project) -> None:
    before = _api(flights)
    flights.edit("seed: 7", "seed: 8")
    actions = flights.actions()
    assert actions["tuning.late"] == "rerun"
    assert actions.get("serving.api", "update") == "update"
    flights.run("apply", "--auto-approve")
    deadline = time.monotonic() + 60
    while _api(flights)["version"] == before["version"] and time.monotonic() < deadline:
        time.sleep(0.5)
    after = _api(flights)
    assert after["version"] != before["version"]


def _api(project: Project) -> dict[str, str]:
    nodes = project.json("status")["nodes"]
    return next(node for node in nodes if node["address"] == "serving.api")
