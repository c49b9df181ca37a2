"""MLflow's server as the tracking service starts it, asked as a browser and a client ask it."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from modelyard.tracking import mlflow_server
from modelyard.tracking.database import prepare_database
from watching import eventually


def ask(url: str, body: Any = None, **headers: str) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=30) as reply:
        return bytes(reply.read())


def answers(url: str) -> bool:
    with suppress(OSError):
        return ask(url) == b"OK"
    return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    prepare_database(tmp_path / "mlflow.db")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free_port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "modelyard.tracking.mlflow_server", "127.0.0.1", str(free_port)]
    places = [f"sqlite:///{tmp_path}/mlflow.db", (tmp_path / "artifacts").as_uri()]
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    log = (tmp_path / "log").open("wb")
    with log, subprocess.Popen([*argv, *places], env=env, stdout=log, stderr=log) as process:
        url = f"http://127.0.0.1:{free_port}"
        try:
            eventually(lambda: answers(f"{url}/health"), 120)
            yield url
        finally:
            process.kill()


@pytest.mark.e2e
def test_it_shows_and_takes_runs_and_keeps_strangers_out(server, tmp_path):
    assert b"<title>MLflow</title>" in ask(server)
    made = json.loads(ask(f"{server}/api/2.0/mlflow/experiments/create", {"name": "digits"}))
    found = json.loads(ask(f"{server}/api/2.0/mlflow/experiments/get?experiment_id={made['experiment_id']}"))
    assert found["experiment"]["artifact_location"].startswith((tmp_path / "artifacts").as_uri())
    with pytest.raises(urllib.error.HTTPError) as refused:  # a page elsewhere whose name was made to point here
        ask(f"{server}/api/2.0/mlflow/experiments/get?experiment_id=0", Host="evil.example.com")
    assert refused.value.code == 403


def test_where_mlflow_has_other_names_its_own_command_line_is_run(monkeypatch):
    run: list[list[str]] = []

    class ReplacedError(Exception):
        pass

    def execv(program: str, argv: list[str]) -> None:
        run.append(argv)
        assert "_MLFLOW_SERVER_OLD" not in os.environ
        raise ReplacedError

    monkeypatch.setattr(mlflow_server, "_PRIVATE", {"NO_SUCH_NAME": "_MLFLOW_SERVER_OLD"})
    monkeypatch.setattr(mlflow_server.os, "execv", execv)
    monkeypatch.setattr(mlflow_server, "_values", lambda store, *_: {"_MLFLOW_SERVER_OLD": store})
    monkeypatch.delenv("_MLFLOW_IN_JOB_EXECUTOR", raising=False)
    with pytest.raises(ReplacedError):
        mlflow_server.main("127.0.0.1", "5000", "sqlite:///x.db", "file:///a")
    assert run[0][1:4] == ["-m", "mlflow", "server"]


def test_a_database_of_its_own_on_a_volume_is_made_whole_before_the_server_starts(tmp_path, monkeypatch):
    """A server that is killed while MLflow migrates leaves half a schema, with which none starts again."""
    from types import SimpleNamespace

    from modelyard.tracking.server import _places

    database = tmp_path / "records" / "mlflow.db"
    monkeypatch.setenv("MODELYARD_BACKEND", f"sqlite:///{database}")
    assert _places(SimpleNamespace(root=tmp_path, config={}))[0] == f"sqlite:///{database}"
    with sqlite3.connect(database) as connection:
        (made,) = connection.execute("SELECT count(*) FROM alembic_version").fetchone()
    assert made == 1
