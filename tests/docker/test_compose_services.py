"""What stands beside an endpoint on Compose: its secret, Prometheus and Grafana, MLflow on PostgreSQL."""

import json
import os
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conftest import BASE, companion, containers_of, docker
from e2e.e2e_project import Project, free_port
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.secret_files import secrets_folder
from modelyard.targets.dashboard import PANELS
from modelyard.targets.docker.compose_cli import find_compose
from modelyard.targets.images.pip_settings import pip_secrets
from modelyard.targets.images.turns import take_turn
from watching import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

TOKEN, WORD = "t0ken-of-the-test-9f3a", "w0rd-of-the-proxy-77c1"
SPEC = """\
version: 1
project: beside
target:
  compose:
    base: "BASE"
    observe:
      port: GRAFANA
      prometheus: "modelyard-test-prometheus:bookworm"
      grafana: "modelyard-test-grafana:bookworm"
    postgres: "modelyard-test-postgres:bookworm"
tracking: {ui: MLFLOW}
sources:
  points: {type: table, path: points.csv, split: {train: 70%, test: 30%}}
training:
  line: {data: sources.points, columns: [x, y], target: above, engine: sklearn, model: LogisticRegression}
registry:
  line: {from: training.line}
serving:
  api: {model: registry.line, port: PORT, auth: {tokens: ["${secret.API_TOKEN}"]}}
"""


@pytest.fixture(scope="module")
def companions() -> None:
    for name in ("prometheus", "grafana", "postgres"):
        companion(name)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, companions: None) -> Any:
    root = tmp_path_factory.mktemp("guarded")
    rows = [(x, y, int(x > y)) for x in range(20) for y in range(20)]
    (root / "points.csv").write_text("x,y,above\n" + "".join(f"{x}.5,{y}.0,{above}\n" for x, y, above in rows))
    text = SPEC.replace("BASE", BASE)
    for name in ("PORT", "GRAFANA", "MLFLOW"):
        text = text.replace(name, str(free_port()))
    (root / "mlops.yaml").write_text(text)
    project = Project(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_TOKEN", TOKEN)
        patch.setenv("FTP_PROXY", f"http://me:{WORD}@127.0.0.1:9")  # one that nothing here goes through
        project.apply()
        yield project
        project.run("destroy", "--auto-approve", "--volumes", code=None)


@cache
def at(project: Project, address: str) -> str:
    return str(next(node["at"] for node in project.json("status")["nodes"] if node["address"] == address))


def ask(project: Project, token: str | None) -> int:
    url = f"{at(project, 'serving.api')}/predict"
    request = urllib.request.Request(url, json.dumps({"rows": [{"x": 5.5, "y": 1.0}]}).encode())
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_it_opens_the_endpoint(guarded: Project) -> None:
    assert ask(guarded, TOKEN) == 200
    assert ask(guarded, None) == 401


def volumes_of(project: Project) -> list[str]:
    label = f"label=dev.modelyard.root={project.root}"
    return sorted(docker("volume", "ls", "--quiet", "--filter", label, parse=False).split())


def query(project: Project, promql: str) -> list[dict[str, Any]]:
    """What Grafana gets from Prometheus for a panel."""
    url = f"{at(project, 'observe.grafana')}/api/v1/query?{urllib.parse.urlencode({'query': promql})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        data = json.load(answer)
    assert data["status"] == "success"
    return list(data["data"]["result"])


def test_prometheus_reads_an_endpoint_that_wants_a_token_and_grafana_reads_prometheus(guarded: Project) -> None:
    ask(guarded, TOKEN)
    eventually(lambda: query(guarded, 'up{endpoint="serving.api"} == 1'), 60)
    eventually(lambda: query(guarded, 'modelyard_requests_total{route="/predict", status="200"} > 0'), 60)
    for panel in PANELS:
        for promql, _ in panel.queries:
            filled = promql.replace("$endpoint", ".+").replace("$__rate_interval", "5m").replace("$__range", "1h")
            query(guarded, filled)


def test_runs_are_recorded_in_postgresql_through_mlflow(guarded: Project) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(at(guarded, "tracking"))
    experiment = client.get_experiment_by_name("beside")
    names = {run.info.run_name for run in client.search_runs([experiment.experiment_id])}
    assert "training.line" in names
    assert client.get_model_version_by_alias("line", "production").version == "1"
    assert not (guarded.root / ".modelyard" / "mlflow.db").exists()
    tables = ["psql", "--username", "modelyard", "--tuples-only", "--command", "select count(*) from runs"]
    database = next(name for name in containers_of(guarded) if "tracking-database" in name)
    assert int(docker("exec", database, *tables, parse=False)) == len(names)


def test_companions_have_no_rights_and_nobody_reaches_the_database(guarded: Project) -> None:
    for data in docker("inspect", *containers_of(guarded)):
        assert (data["HostConfig"]["ReadonlyRootfs"], data["HostConfig"]["CapDrop"]) == (True, ["ALL"])
        assert data["Config"]["User"].partition(":")[0] not in ("", "0", "root")
        assert "tracking-database" not in data["Name"] or set(data["NetworkSettings"]["Networks"]) == {"none"}


def test_plan_after_apply_is_empty_and_a_companion_that_is_gone_is_drift(guarded: Project) -> None:
    assert guarded.actions() == {}
    docker("rm", "--force", next(name for name in containers_of(guarded) if "observe-prometheus" in name), parse=False)
    assert set(guarded.actions()) == {"observe.prometheus"}
    guarded.apply()
    assert guarded.actions() == {}


def test_secrets_are_in_no_file_of_the_project_and_not_in_what_the_engine_keeps(guarded: Project) -> None:
    server = next(name for name in containers_of(guarded) if "api-server" in name)
    given = docker("exec", server, "sh", "-c", "cat /run/secrets/*", parse=False)
    told = json.dumps(docker("inspect", *containers_of(guarded))).encode()
    kept = b"".join(path.read_bytes() for path in guarded.root.rglob("*") if path.is_file())
    assert [(word in given, word.encode() in told + kept) for word in (TOKEN, WORD)] == [(True, False)] * 2


def test_it_is_in_memory_only_and_gone_with_the_service(guarded: Project) -> None:
    folder = secrets_folder(Scope("beside", "dev", guarded.root))
    assert (folder / "API_TOKEN").read_text() == TOKEN
    assert folder.is_relative_to(Path("/dev/shm"))
    guarded.run("destroy", "--auto-approve")
    assert not folder.exists()
    assert volumes_of(guarded) == ["beside-dev_observe-prometheus", "beside-dev_tracking-database"]
    guarded.run("destroy", "--auto-approve", "--volumes")
    assert volumes_of(guarded) == []


def test_rendered_files_come_up_without_modelyard(guarded: Project, tmp_path: Path) -> None:
    """As somebody does who has the folder, the secrets and Docker; the model is the one that apply has left."""
    out, secrets = tmp_path / "out", tmp_path / "secrets"
    guarded.run("render", "--target-dir", str(out))
    secrets.mkdir(0o755)
    for name in ("API_TOKEN", "metrics.api"):
        (secrets / name).write_text(TOKEN)
    with take_turn(print, threading.Event()), pip_secrets(near=True) as variables:
        env = {**os.environ, **variables, "MODELYARD_SECRETS": str(secrets)}
        up = [*find_compose(), "up", "--build", "--detach", "--wait"]
        done = subprocess.run(up, cwd=out, env=env, capture_output=True, text=True, check=False)
    try:
        assert done.returncode == 0, done.stderr
        assert (ask(guarded, TOKEN), ask(guarded, None)) == (200, 401)
        eventually(lambda: query(guarded, 'up{endpoint="serving.api"} == 1'), 60)
    finally:
        subprocess.run([*find_compose(), "down", "--volumes"], cwd=out, env=env, capture_output=True, check=True)
    assert (containers_of(guarded), volumes_of(guarded)) == ([], [])
