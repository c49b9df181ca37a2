"""A pipeline in the cluster that trains, promotes, and has Seldon Core 2 load what it promoted, from a bucket."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cluster_project import NAMESPACE, ClusterProject, in_cluster
from seldon_stand_in import Seldon

import crds
from e2e.s3_server import S3, running_s3

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("s3fs", "moto", "boto3")),
        reason="needs s3fs and moto: pip install 'modelyard[s3,dev]'",
    ),
]
NAME = "small-prod-serving-api"
SPEC = """
version: 1
project: small
variables: {slope: {type: int, default: 2}}
store: {remote: "s3://models/small"}
steps:
  rows: {run: "python rows.py ${outputs.rows} ${var.slope}", outputs: {rows: {type: table}}}
sources:
  rows: {type: table, path: steps.rows:rows, split: {train: 60%, val: 20%, test: 20%}}
training:
  line: {data: sources.rows, columns: [x], target: y, engine: sklearn, model: LinearRegression}
registry:
  line: {from: training.line, promote: {production: auto}}
serving:
  api: {model: registry.line}
"""
ROWS = """
import pathlib, sys
out, slope = pathlib.Path(sys.argv[1]), int(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
lines = ["x,y"] + [f"{x},{x * slope}" for x in range(200)]
(out / "rows.csv").write_text("\\n".join(lines) + "\\n")
"""
BUCKET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ClusterProject, S3]]:
    root = tmp_path / "small"
    root.mkdir()
    (root / "mlops.yaml").write_text(SPEC)
    (root / "rows.py").write_text(ROWS)
    settings = {"operators": {"serving": "seldon-v2"}, "env": {name: f"${{env.{name}}}" for name in BUCKET}}
    with (
        in_cluster(root, tmp_path, **settings) as project,
        running_s3(tmp_path / "s3", project.node.network.host) as s3,
    ):
        for name, value in s3.environ().items():
            monkeypatch.setenv(name, value)
        s3.client().create_bucket(Bucket="models")
        project.server.objects.create(crds.definition("mlops.seldon.io", "Model"))
        yield project, s3


def test_what_a_run_promotes_is_loaded_by_its_end(project: tuple[ClusterProject, S3], tmp_path: Path) -> None:
    place, s3 = project
    rows = {"x": np.array([[3.0], [5.0]], np.float32)}
    with Seldon(place.server, tmp_path / "seldon", NAMESPACE) as seldon:
        place.apply()
        assert seldon.ask(NAME, rows)["prediction"].reshape(-1) == pytest.approx([6, 10], abs=1e-2)
        assert place.actions() == {}
        assert place.listed("Deployment") == []

        again = place.apply("--var", "slope=7")
        assert "✓ serving.api" in again.stderr
        assert seldon.ask(NAME, rows)["prediction"].reshape(-1) == pytest.approx([21, 35], abs=1e-2)
        versions = {key.split("/")[3].partition("-")[0] for key in s3.keys("models") if "/served/line/" in key}
        assert versions == {"1", "2"}
        assert seldon.seen == {NAME: 2}

        place.run("destroy", "--auto-approve")
        assert place.listed("Model") == []
