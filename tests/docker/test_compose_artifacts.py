"""MLflow's artifacts in S3: through the server, which alone has the keys, into a bucket that asks for them."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import BASE, companion, containers_of, docker
from e2e.e2e_project import Project, free_port
from e2e.s3_server import S3, running_s3

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("moto", "boto3")),
        reason="needs moto: pip install 'modelyard[dev]'",
    ),
]
SPEC = """\
version: 1
project: bucket
target:
  compose:
    base: "BASE"
    postgres: "POSTGRES"
    artifacts:
      url: s3://runs/mlflow
      env:
        AWS_ACCESS_KEY_ID: "${secret.S3_ID}"
        AWS_SECRET_ACCESS_KEY: "${secret.S3_KEY}"
        AWS_ENDPOINT_URL: "AT_S3"
        AWS_DEFAULT_REGION: us-east-1
tracking: {ui: MLFLOW}
sources:
  points: {type: table, path: points.csv, split: {train: 70%, test: 30%}}
training:
  line: {data: sources.points, columns: [x, y], target: above, engine: sklearn, model: LogisticRegression}
registry:
  line: {from: training.line}
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """On the address of this machine that containers reach."""
    host = docker("network", "inspect", "bridge")[0]["IPAM"]["Config"][0]["Gateway"]
    with running_s3(tmp_path_factory.mktemp("s3") / "log", host) as server:
        server.client().create_bucket(Bucket="runs")
        yield server


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, s3: S3) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("bucket")
    rows = [(x, y, int(x > y)) for x in range(20) for y in range(20)]
    (root / "points.csv").write_text("x,y,above\n" + "".join(f"{x}.5,{y}.0,{above}\n" for x, y, above in rows))
    text = SPEC.replace("BASE", BASE).replace("POSTGRES", companion("postgres")).replace("AT_S3", s3.url)
    (root / "mlops.yaml").write_text(text.replace("MLFLOW", str(free_port())))
    project = Project(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S3_ID", s3.user[0])
        patch.setenv("S3_KEY", s3.user[1])
        try:
            project.apply()
            yield project
        finally:
            project.run("destroy", "--auto-approve", "--volumes", code=None)


def test_artifacts_are_in_the_bucket_and_come_back_without_a_key(
    recorded: Project, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    for name in ("S3_ID", "S3_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")  # else it asks the bucket itself
    at = next(node["at"] for node in recorded.json("status")["nodes"] if node["address"] == "tracking")
    client = MlflowClient(at)
    experiment = client.get_experiment_by_name("bucket")
    run = next(r for r in client.search_runs([experiment.experiment_id]) if r.info.run_name == "training.line")
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    client.log_text(run.info.run_id, "a word", "notes/word.txt")
    found = client.download_artifacts(run.info.run_id, "notes/word.txt", str(tmp_path))
    assert Path(found).read_text() == "a word"
    inside = f"mlflow/{experiment.experiment_id}/{run.info.run_id}/artifacts/"
    assert f"{inside}notes/word.txt" in s3.keys("runs")
    assert not [path for path in (recorded.root / ".modelyard").rglob("mlartifacts/**/*") if path.is_file()]


def test_what_a_task_records_is_in_the_bucket_too(recorded: Project, s3: S3) -> None:
    assert [key for key in s3.keys("runs") if not key.endswith("notes/word.txt")]


def test_only_the_server_has_the_keys_and_no_file_or_engine_keeps_them(recorded: Project, s3: S3) -> None:
    holders = {
        name.removeprefix("bucket-dev-")
        for name in containers_of(recorded)
        if s3.user[1] in docker("exec", name, "sh", "-c", "cat /run/secrets/* 2>/dev/null || true", parse=False)
    }
    assert holders == {"tracking-1"}
    told = json.dumps(docker("inspect", *containers_of(recorded))).encode()
    kept = b"".join(path.read_bytes() for path in recorded.root.rglob("*") if path.is_file())
    assert s3.user[1].encode() not in told + kept


def test_plan_after_apply_is_empty(recorded: Project) -> None:
    assert recorded.actions() == {}
