"""The supervisor: killed, replaced, deceived."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from local_builders import eventually, service

from modelyard import processes
from modelyard.graph.model import Graph
from modelyard.targets import open_target
from modelyard.targets.base import LiveService, Target
from modelyard.targets.local.daemon import supervisor_pid
from modelyard.targets.local.service_files import Running, ServiceFolder
from watching import with_marker

GRAPH = Graph("p", {}, target={"local": {"grace": 0.5}})
STEM = "default.serving.api"
UP = "import time, sys; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    target = open_target(GRAPH, tmp_path)
    yield target
    target.remove("serving.api", lambda event: None)
    if pid := supervisor_pid(tmp_path):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def marker() -> str:
    return uuid4().hex


def deploy(target: Target, root: Path, marker: str, fingerprint: str = "b3:1", **config: object) -> LiveService:
    return target.deploy(
        service(root, {"run": ["python", "-c", UP, marker], **config}, fingerprint), lambda event: None
    )


def kill_supervisor(root: Path) -> None:
    pid = supervisor_pid(root)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: supervisor_pid(root) is None)


def test_a_service_outlives_its_supervisor_and_the_next_one_adopts_it(
    target: Target, tmp_path: Path, marker: str
) -> None:
    deploy(target, tmp_path, marker)
    (process,) = with_marker(marker)
    kill_supervisor(tmp_path)
    assert process.is_running()
    assert target.observe(GRAPH).services["serving.api"].status == "ready"
    assert deploy(target, tmp_path, marker).status == "ready"
    assert [p.pid for p in with_marker(marker)] == [process.pid]


@pytest.mark.e2e
def test_an_adopted_service_is_restarted_when_it_ends(target: Target, tmp_path: Path, marker: str) -> None:
    deploy(target, tmp_path, marker)
    (before,) = with_marker(marker)
    kill_supervisor(tmp_path)
    deploy(target, tmp_path, marker)
    before.kill()
    eventually(lambda: with_marker(marker) and with_marker(marker)[0].pid != before.pid)


@pytest.mark.e2e
def test_a_service_that_died_with_its_supervisor_is_seen_and_started_again(
    target: Target, tmp_path: Path, marker: str
) -> None:
    deploy(target, tmp_path, marker)
    kill_supervisor(tmp_path)
    running = ServiceFolder(tmp_path).running()[STEM]
    os.kill(running.pid or 0, signal.SIGKILL)
    eventually(lambda: not with_marker(marker))
    assert target.observe(GRAPH).services["serving.api"].status == "failed"
    assert deploy(target, tmp_path, marker).status == "ready"


def test_a_service_is_removed_without_a_supervisor(target: Target, tmp_path: Path, marker: str) -> None:
    deploy(target, tmp_path, marker)
    kill_supervisor(tmp_path)
    target.remove("serving.api", lambda event: None)
    assert not with_marker(marker)


def test_a_process_that_only_has_the_id_is_left_alone(target: Target, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as foreign:
        known_as = processes.identity(foreign.pid)
        ServiceFolder(tmp_path).note(STEM, Running(1, "ready", foreign.pid, f"{known_as}0"))
        target.remove("serving.api", lambda event: None)
        assert foreign.poll() is None
        foreign.kill()


@pytest.mark.e2e
def test_the_supervisor_leaves_when_nothing_is_wanted(target: Target, tmp_path: Path, marker: str) -> None:
    deploy(target, tmp_path, marker)
    target.remove("serving.api", lambda event: None)
    eventually(lambda: supervisor_pid(tmp_path) is None)


@pytest.mark.e2e
def test_sigterm_to_the_supervisor_ends_its_services_and_forgets_none(
    target: Target, tmp_path: Path, marker: str
) -> None:
    deploy(target, tmp_path, marker)
    os.kill(supervisor_pid(tmp_path) or 0, signal.SIGTERM)
    eventually(lambda: not with_marker(marker) and supervisor_pid(tmp_path) is None)
    assert target.observe(GRAPH).services["serving.api"].status in ("stopped", "failed")
    assert deploy(target, tmp_path, marker).status == "ready"


def test_a_changed_secret_restarts_the_service(
    target: Target, tmp_path: Path, marker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "first-token")
    deploy(target, tmp_path, marker, env={"KEY": "${secret.TOKEN}"})
    (before,) = with_marker(marker)
    assert before.environ()["KEY"] == "first-token"
    monkeypatch.setenv("TOKEN", "second-token")
    deploy(target, tmp_path, marker, env={"KEY": "${secret.TOKEN}"})
    (after,) = with_marker(marker)
    assert after.environ()["KEY"] == "second-token"
    written = b"".join(path.read_bytes() for path in (tmp_path / ".modelyard").rglob("*") if path.is_file())
    assert b"second-token" not in written


def test_environments_of_one_project_do_not_mix(target: Target, tmp_path: Path, marker: str) -> None:
    deploy(target, tmp_path, marker)
    other = open_target(replace(GRAPH, environment="staging"), tmp_path)
    assert other.observe(GRAPH).services == {}
    other.remove("serving.api", lambda event: None)
    assert with_marker(marker)


def test_a_free_port_is_found_and_kept(target: Target, tmp_path: Path, marker: str) -> None:
    first = deploy(target, tmp_path, marker, port=0)
    assert first.url is not None
    assert deploy(target, tmp_path, marker, "b3:2", port=0).url == first.url


def test_logs_are_kept_and_known(target: Target, tmp_path: Path, marker: str) -> None:
    deploy(target, tmp_path, marker)
    eventually(lambda: any("up" in line for line in target.log("serving.api")))
