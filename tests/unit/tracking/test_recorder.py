"""Records in MLflow: whole after a kill, one database for many processes, mirrored where asked."""

import json
import multiprocessing
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from modelyard.tracking import Recorder
from modelyard.tracking.database import prepare_database
from modelyard.tracking.place import locate
from modelyard.tracking.recorder import flatten


@pytest.fixture
def document(workshop):
    return workshop.context("training.x", "train", {}, {"train": workshop.table(rows=20)}, ()).document


def runs_of(document):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{document.root}/.modelyard/mlflow.db")
    experiment = client.get_experiment_by_name("workshop").experiment_id
    return client, client.search_runs([experiment], order_by=["attributes.start_time ASC"])


def test_metrics_keep_their_steps(document):
    with Recorder(document, print) as recorder:
        for step in (1, 2, 3):
            recorder.metrics({"loss": 1 / step}, step)
    client, (run,) = runs_of(document)

    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(one.step, round(one.value, 2)) for one in history] == [(1, 1.0), (2, 0.5), (3, 0.33)]


def test_an_error_ends_the_run_as_failed_an_interrupt_as_killed(document):
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), Recorder(document, print):
            raise error
    assert [run.info.status for run in runs_of(document)[1]] == ["FAILED", "KILLED"]


def test_a_run_whose_process_was_killed_ends_as_killed_when_the_next_begins(document, tmp_path):
    script = """
        import json, os, sys
        from modelyard.task import TaskDocument
        from modelyard.tracking import Recorder
        recorder = Recorder(TaskDocument.from_json(json.load(sys.stdin)), print)
        assert recorder.run_id(120)
        os.kill(os.getpid(), 9)
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], input=json.dumps(document.to_json()), text=True, check=False,
        timeout=200,
    )  # fmt: skip
    assert [run.info.status for run in runs_of(document)[1]] == ["RUNNING"]
    with Recorder(document, print):
        pass
    _, (killed, new) = runs_of(document)

    assert (killed.info.status, new.info.status) == ("KILLED", "FINISHED")
    assert new.data.tags["modelyard.continues"] == killed.info.run_id


def test_tensorboard_gets_the_same_numbers(workshop):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    workshop.tracking = {"mirrors": ["tensorboard"]}
    document = workshop.context("training.x", "train", {}, {}, ()).document
    with Recorder(document, print) as recorder:
        recorder.params({"lr": 0.1})
        recorder.metrics({"loss": 0.5}, 7)
    events = reader.EventAccumulator(str(workshop.root / ".modelyard/tensorboard/training.x" / document.run_id))
    events.Reload()

    assert [(one.step, one.value) for one in events.Scalars("loss")] == [(7, 0.5)]


def _prepare(path):
    prepare_database(path)
    with sqlite3.connect(path) as connection:
        return len(connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall())


def test_many_processes_at_once_make_one_whole_database(tmp_path):
    path = tmp_path / ".modelyard" / "mlflow.db"
    with multiprocessing.get_context("forkserver").Pool(4) as pool:
        tables = set(pool.map(_prepare, [path] * 4))
    assert len(tables) == 1
    assert tables.pop() > 20
    assert {one.name for one in path.parent.iterdir()} - {"mlflow.db-shm", "mlflow.db-wal"} == {
        "mlflow.db",
        "mlflow.db.lock",
    }


def test_a_place_is_the_projects_own_wherever_the_process_is(tmp_path):
    place = locate({}, "flights", tmp_path, {})
    assert place.uri == f"sqlite:///{tmp_path}/.modelyard/mlflow.db"
    assert place.artifacts == tmp_path / ".modelyard" / "mlartifacts"


def test_a_servers_password_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_PASSWORD", "s3cret")
    place = locate({"uri": "https://me:${secret.MLFLOW_PASSWORD}@mlflow"}, "p", tmp_path, {})
    assert (place.uri, place.artifacts) == ("https://me:s3cret@mlflow", None)


def test_nested_settings_become_one_level():
    assert flatten({"budget": {"trials": 4}, "seed": 1}) == {"budget.trials": 4, "seed": 1}
