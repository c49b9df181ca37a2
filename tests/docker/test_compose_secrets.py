"""A secret of a service on Compose: it works, and is nowhere to be read."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from conftest import BASE, containers_of, docker
from e2e.e2e_project import Project, free_port
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.secret_files import secrets_folder

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

TOKEN = "t0ken-of-the-test-9f3a"
SPEC = """\
version: 1
project: guarded
target: {compose: {base: "BASE"}}
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
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("guarded")
    rows = [(x, y, int(x > y)) for x in range(20) for y in range(20)]
    (root / "points.csv").write_text("x,y,above\n" + "".join(f"{x}.5,{y}.0,{above}\n" for x, y, above in rows))
    (root / "mlops.yaml").write_text(SPEC.replace("PORT", str(free_port())).replace("BASE", BASE))
    project = Project(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_TOKEN", TOKEN)
        project.apply()
    yield project
    project.run("destroy", "--auto-approve", code=None)


def ask(project: Project, token: str | None) -> int:
    at = next(node["at"] for node in project.json("status")["nodes"] if node["address"] == "serving.api")
    request = urllib.request.Request(f"{at}/predict", json.dumps({"rows": [{"x": 5.5, "y": 1.0}]}).encode())
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


def test_it_is_in_no_file_of_the_project_and_not_in_what_the_engine_keeps(guarded: Project) -> None:
    assert TOKEN not in json.dumps(docker("inspect", *containers_of(guarded)))
    held = [path for path in guarded.root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert held == []


def test_it_is_in_memory_only_and_gone_with_the_service(guarded: Project) -> None:
    folder = secrets_folder(Scope("guarded", "dev", guarded.root))
    assert (folder / "API_TOKEN").read_text() == TOKEN
    assert folder.is_relative_to(Path("/dev/shm"))
    guarded.run("destroy", "--auto-approve")
    assert not (folder / "API_TOKEN").exists()
