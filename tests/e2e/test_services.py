"""A served model: killed, stopped, held up by a taken port, and taken down."""

import json
import os
import signal
import socket
import urllib.request
from contextlib import suppress
from typing import Any

import psutil
import pytest
from e2e_project import Project, below, free_port

from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SPEC = """\
version: 1
project: served
sources:
  points: {type: table, path: points.csv, split: {train: 70%, test: 30%}}
training:
  line:
    data: sources.points
    columns: [x, y]
    target: above
    engine: sklearn
    model: LogisticRegression
    evaluate: {data: sources.points:test, metrics: [accuracy]}
registry:
  line: {from: training.line, gate: [metrics.accuracy >= 0.5]}
serving:
  api: {model: registry.line, port: PORT}
"""


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, port: int) -> Any:
    root = tmp_path_factory.mktemp("served") / "project"
    root.mkdir()
    rows = [(x, y, int(x > y)) for x in range(20) for y in range(20)]
    (root / "points.csv").write_text("x,y,above\n" + "".join(f"{x}.5,{y}.0,{above}\n" for x, y, above in rows))
    (root / "mlops.yaml").write_text(SPEC.replace("PORT", str(port)))
    project = Project(root)
    project.apply()
    yield project
    project.run("destroy", "--auto-approve", code=None)


@pytest.fixture
def served(applied: Project, port: int) -> Project:
    """The project as it was applied first, whatever the test before left behind."""
    spec = SPEC.replace("PORT", str(port))
    if (applied.root / "mlops.yaml").read_text() != spec or not ready(port):
        (applied.root / "mlops.yaml").write_text(spec)
        applied.apply()
    return applied


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def listener(port: int) -> psutil.Process | None:
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            # Killed between the look and the question, it listens no more.
            with suppress(psutil.NoSuchProcess):
                return psutil.Process(connection.pid)
    return None


def status(project: Project) -> dict[str, Any]:
    return next(node for node in project.json("status")["nodes"] if node["address"] == "serving.api")


def supervisor(project: Project) -> psutil.Process:
    known = json.loads((project.root / ".modelyard" / "services" / "run" / ".supervisor").read_text())
    return psutil.Process(known["pid"])


def test_it_answers_after_the_command_line_has_gone(served: Project, port: int) -> None:
    assert ready(port)
    assert status(served)["status"] == "ready"
    assert served.actions() == {}


def test_a_killed_server_is_started_again(served: Project, port: int) -> None:
    before = listener(port)
    assert before is not None
    before.kill()
    eventually(lambda: (now := listener(port)) and now.pid != before.pid and ready(port), 60)
    assert served.actions() == {}


def test_a_killed_warden_takes_its_server_along_and_both_come_back(served: Project, port: int) -> None:
    before = listener(port)
    assert before is not None
    warden = before.parent()
    assert warden is not None
    warden.kill()
    eventually(lambda: not before.is_running() or before.status() == psutil.STATUS_ZOMBIE)
    eventually(lambda: ready(port), 60)


def test_a_killed_supervisor_is_no_outage_and_the_next_apply_brings_it_back(served: Project, port: int) -> None:
    server = listener(port)
    supervisor(served).kill()
    assert ready(port)
    served.edit("accuracy >= 0.5", "accuracy >= 0.4")
    served.apply()
    assert listener(port) == server
    assert supervisor(served).is_running()


def test_what_was_stopped_by_hand_is_drift_and_apply_mends_it(served: Project, port: int) -> None:
    said = served.run("logs", "serving.api").stdout
    supervisor(served).send_signal(signal.SIGTERM)
    eventually(lambda: not below(served.root), 30)
    assert not ready(port)
    assert status(served)["status"] != "ready"
    assert set(served.actions()) == {"serving.api"}
    text = served.run("plan", "--detailed-exitcode", code=2).stdout
    assert "serving.api" in text
    since = served.run("logs", "serving.api").stdout.removeprefix(said)
    assert "stopped, as it was asked to" in since
    assert "error:" not in since
    served.apply()
    assert ready(port)
    assert served.actions() == {}


def test_a_taken_port_is_told_with_who_has_it(served: Project, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        served.edit(f"port: {port}", f"port: {taken}")
        said = served.apply(code=1).stderr
        assert f"port {taken} on 127.0.0.1 is taken" in said
        assert f"pid {os.getpid()}" in said
        assert "Traceback" not in said
        assert ready(port), "what served before goes on"
    served.edit(f"port: {taken}", f"port: {port}")
    served.apply()
    assert ready(port)
    assert served.actions() == {}


def test_another_port_moves_it(served: Project, port: int) -> None:
    other = free_port()
    served.edit(f"port: {port}", f"port: {other}")
    served.apply()
    assert ready(other)
    assert listener(port) is None
    served.edit(f"port: {other}", f"port: {port}")
    served.apply()
    assert ready(port)


def test_taken_out_of_the_spec_it_stops(served: Project, port: int) -> None:
    text = (served.root / "mlops.yaml").read_text()
    (served.root / "mlops.yaml").write_text(text[: text.index("serving:")])
    assert served.actions() == {"serving.api": "delete"}
    served.apply()
    assert listener(port) is None
    (served.root / "mlops.yaml").write_text(text)
    served.apply()
    assert ready(port)


def test_destroy_leaves_nothing_running(served: Project, port: int) -> None:
    served.run("destroy", "--auto-approve")
    assert listener(port) is None
    eventually(lambda: not below(served.root), 10)
    served.run("destroy", "--auto-approve")
    actions = served.actions()
    assert set(actions.values()) <= {"restore", "create"}
    assert actions["training.line"] == "restore"
