"""The flights example whole on a Docker engine, beside the same on the local target: one project, run in two ways."""

import json
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from conftest import compose_project, containers_of, docker
from e2e.e2e_project import Project, free_port
from modelyard.targets.docker.compose_cli import find_compose
from watching import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROWS = [
    {"carrier": carrier, "origin": origin, "distance": 1400, "hour": hour, "month": 2, "temp": 40.0, "visibility": 10.0,
     "wind": 5.0, "rain_6h": rain}
    for carrier, origin, hour, rain in (("UA", "EWR", 18, 0.0), ("DL", "JFK", 6, 0.0), ("AA", "LGA", 12, 0.4))
]  # fmt: skip
STAGING = ("-e", "staging")


def flights(root: Path) -> Project:
    project = compose_project("flights", root)
    project.edit("default: 12, description: How much", "default: 2, description: How much")
    project.edit("default: 4, description: Trials", "default: 2, description: Trials")
    return project


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = flights(tmp_path_factory.mktemp("local"))
    project.apply()
    yield project
    project.run("destroy", "--auto-approve", code=None)


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = flights(tmp_path_factory.mktemp("staging"))
    project.apply(*STAGING)
    yield project
    project.run("destroy", "--auto-approve", *STAGING, code=None)


def records(project: Project, *options: str) -> dict[str, Any]:
    """What was made, by address: fingerprint and metrics of each task."""
    nodes = {node["address"]: node for node in project.json("status", *options)["nodes"]}
    return {address: project.json("show", address, *options)["applied"] for address in nodes}


def url(project: Project, *options: str) -> str:
    return str(next(n["at"] for n in project.json("status", *options)["nodes"] if n["address"] == "serving.api"))


def predictions(project: Project, *options: str) -> Any:
    rows = project.root / "rows.json"
    rows.write_text(json.dumps(ROWS))
    return json.loads(project.run("predict", "serving.api", str(rows), *options).stdout)["predictions"]


def test_same_fingerprints_and_same_metrics_as_local(local: Project, staging: Project) -> None:
    here, there = records(local), records(staging, *STAGING)
    assert here.keys() == there.keys()
    for address, record in here.items():
        if address == "serving.api":  # the two listen at ports of their own
            continue
        assert there[address]["fingerprint"] == record["fingerprint"], address
        assert there[address].get("metrics") == record.get("metrics"), address


def test_same_predictions_as_local(local: Project, staging: Project) -> None:
    assert predictions(staging, *STAGING) == predictions(local)


def test_plan_after_apply_is_empty(staging: Project) -> None:
    assert staging.actions(*STAGING) == {}


def test_containers_have_no_rights_and_no_open_port(staging: Project) -> None:
    for data in docker("inspect", *containers_of(staging)):
        host = data["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert data["Config"]["User"].partition(":")[0] not in ("", "0", "root")
        published = [at["HostIp"] for those in (host["PortBindings"] or {}).values() for at in those]
        assert set(published) <= {"127.0.0.1"}


def test_what_was_made_here_is_restored_on_local_and_back(staging: Project) -> None:
    port = url(staging, *STAGING).rpartition(":")[2]
    spec = (staging.root / "mlops.yaml").read_text()
    (staging.root / "mlops.yaml").write_text(spec.replace(f"port: {port}", f"port: {free_port()}"))
    actions = staging.actions()
    assert {actions[address] for address in actions if address.startswith(("steps", "sources", "training"))} == {
        "restore"
    }
    (staging.root / "mlops.yaml").write_text(spec)
    assert staging.actions(*STAGING) == {}


@pytest.mark.parametrize("how", [("stop",), ("kill",), ("rm", "--force")])
def test_a_container_stopped_or_removed_by_hand_is_drift_and_apply_mends_it(
    staging: Project, how: tuple[str, ...]
) -> None:
    server = next(name for name in containers_of(staging) if "api-server" in name)
    docker(*how, server, parse=False)
    assert set(staging.actions(*STAGING)) == {"serving.api"}
    staging.apply(*STAGING)
    assert staging.actions(*STAGING) == {}


def test_a_killed_process_is_started_again(staging: Project) -> None:
    server = next(name for name in containers_of(staging) if "api-server" in name)
    psutil.Process(docker("inspect", server)[0]["State"]["Pid"]).kill()
    eventually(lambda: _answers(f"{url(staging, *STAGING)}/v2/health/ready"), 60)


def test_an_endpoint_is_replaced_without_a_failed_request(staging: Project) -> None:
    at = f"{url(staging, *STAGING)}/v2/health/live"
    failed: list[str] = []
    asked = [0]
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                with urllib.request.urlopen(at, timeout=30) as answer:
                    answer.read()
            except OSError as error:
                failed.append(str(error))
            asked[0] += 1
            time.sleep(0.02)

    asking = threading.Thread(target=ask)
    asking.start()
    before = containers_of(staging)
    staging.edit(
        "serving:\n  api: {model: registry.late,", "serving:\n  api: {model: registry.late, log: {sample: 0.5},"
    )
    try:
        staging.apply(*STAGING)
    finally:
        over.set()
        asking.join()
    after = containers_of(staging)
    assert set(before) - set(after) or docker("inspect", *after), "the server was replaced"
    assert asked[0] > 20
    assert failed == []


def test_logs_come_from_the_container(staging: Project) -> None:
    assert "answers now" in staging.run("logs", "serving.api", *STAGING).stdout


def test_rendered_files_are_what_compose_takes(staging: Project, tmp_path: Path) -> None:
    staging.run("render", *STAGING, "--target-dir", str(tmp_path / "out"))
    argv = [*find_compose(), "--project-directory", str(tmp_path / "out"), "config", "--quiet"]
    done = subprocess.run(argv, cwd=tmp_path / "out", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_destroy_leaves_nothing_but_results(staging: Project) -> None:
    staging.run("destroy", "--auto-approve", *STAGING)
    assert containers_of(staging) == []
    assert docker("network", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={NAME}", parse=False) == ""
    actions = staging.actions(*STAGING)
    assert actions["training.late"] == "restore"


NAME = "flights-staging"


def _answers(at: str) -> bool:
    try:
        with urllib.request.urlopen(at, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
