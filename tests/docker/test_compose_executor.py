"""Tasks in containers at bad moments: whatever is killed, nothing is left, and whoever waits is told why."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from task_yard import HANG, PROJECT, Yard, client_of, in_background, working

from conftest import BASE, docker
from modelyard.targets.base import Outcome
from modelyard.targets.compose import names
from watching import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1], 'x').write_text(%s)"
OUT = "${outputs.out}"


@pytest.fixture(scope="module")
def yard(yard_root: Path) -> Iterator[Yard]:
    yard = Yard(yard_root)
    yield yard
    yard.executor.close()


def containers(root: Path) -> list[str]:
    """Ids of a project's containers, whatever their state."""
    filters = ("--filter", f"label={names.ROOT}={root}")
    return str(docker("ps", "--all", "--quiet", "--no-trunc", *filters, parse=False)).split()


def hanging(yard: Yard, marker: str, **options: threading.Event) -> tuple[str, Callable[[], Outcome]]:
    """A task that hangs, seen to run: its container, and how to wait for its outcome."""
    outcome = in_background(lambda: yard.run(yard.python(HANG, marker), **options))
    eventually(lambda: working(marker), 90)
    return containers(yard.root)[0], outcome


# The container


def test_a_task_leaves_no_container(yard: Yard) -> None:
    done = yard.run(yard.python(WRITE % "'x'", OUT))
    assert done.status == "ok", done
    assert containers(yard.root) == []


@pytest.mark.parametrize("how", [("kill",), ("rm", "--force"), ("stop", "--time", "3")], ids=lambda how: how[0])
def test_a_container_ended_by_hand_is_a_failure_at_once(yard: Yard, how: tuple[str, ...]) -> None:
    container, outcome = hanging(yard, marker := uuid4().hex)
    docker(*how, container, parse=False)
    assert outcome().status == "failed"
    assert outcome().reason
    assert not working(marker)
    assert containers(yard.root) == []


def test_a_paused_container_can_be_cancelled(yard: Yard) -> None:
    cancel = threading.Event()
    container, outcome = hanging(yard, marker := uuid4().hex, cancel=cancel)
    docker("pause", container, parse=False)
    cancel.set()
    assert outcome().status == "cancelled"
    assert not working(marker)
    assert containers(yard.root) == []


def test_a_task_may_do_nothing_but_its_work(yard: Yard) -> None:
    tries = (
        "import os, sys\n"
        "for path in ('/x', '/usr/x', 'code.py', sys.argv[1] + '/x'):\n"
        "    try: open(path, 'a').close(); print('wrote', path)\n"
        "    except OSError as error: print('refused', path, error.errno)\n"
        "print('user', os.getuid(), 'caps', open('/proc/self/status').read().split('CapEff:')[1].split()[0])\n"
        "open(os.environ['TMPDIR'] + '/x', 'w').close(); open(os.environ['HOME'] + '/y', 'w').close()\n"
    )
    task = yard.python(tries, OUT)
    done = yard.run(task)
    assert done.status == "ok", done
    said = yard.said(task)
    assert said.count("wrote") == 1
    assert f"user {os.getuid() or 10001} caps 0000000000000000" in said


def test_stdin_is_empty_as_it_is_anywhere(yard: Yard) -> None:
    program = "import pathlib, sys; pathlib.Path(sys.argv[1], 'x').write_text(repr(sys.stdin.read()))"
    done = yard.run(yard.python(program, OUT))
    assert done.status == "ok", done
    done = yard.run(yard.task({"call": "code:read"}, "function"))
    assert done.status == "ok", done


@pytest.mark.parametrize("code", [1, 200, 255])
def test_any_exit_code_is_a_failure_that_names_it(yard: Yard, code: int) -> None:
    outcome = yard.run(yard.task({"call": "code:leave", "params": {"code": code}}, "function"))
    assert outcome.status == "failed"
    assert f"exit code {code}" in outcome.reason
    assert outcome.exit_code == code


# Memory and GPUs


def test_memory_that_runs_out_is_told_apart(yard: Yard) -> None:
    grows = "import sys\nheld = []\nwhile True: held.append(bytearray(8 << 20))"
    outcome = yard.run(yard.python(grows), memory=96 << 20)
    assert outcome.status == "out-of-memory"
    assert "memory" in outcome.fix


def test_memory_too_little_for_the_runtime_itself_is_told_apart(yard: Yard) -> None:
    outcome = yard.run(yard.python(WRITE % "'x'", OUT), memory=7 << 20)
    assert outcome.status == "out-of-memory"
    assert containers(yard.root) == []


def test_a_gpu_where_there_is_none_is_a_failure_at_once(yard: Yard) -> None:
    outcome = yard.run(yard.python(HANG), gpu=1)
    assert outcome.status == "failed"
    assert outcome.code == "does-not-fit"
    assert yard.executor.capacity().gpu == 0


# Secrets


def test_a_secret_in_a_closed_file_reaches_the_task(yard: Yard) -> None:
    key = yard.root / "key.txt"
    key.write_text("cl0sed-value\n")
    key.chmod(0o600)
    settings = {"secrets": {"KEY": {"file": str(key)}}}
    shows = (
        "import os, sys, pathlib; pathlib.Path(sys.argv[1], os.environ['KEY'][:3]).touch(); print(os.environ['KEY'])"
    )
    config = {"run": ["python", "-c", shows, OUT], "env": {"KEY": "${secret.KEY}"}}
    outcome = yard.run(task := yard.task(config, settings=settings))
    assert outcome.status == "ok", outcome
    assert "cl0sed-value" not in yard.said(task)


def test_the_engine_keeps_no_secret(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "3ngine-value")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-value")
    cancel = threading.Event()
    shows = f"import os\nassert os.environ['KEY'] and os.environ['AWS_SECRET_ACCESS_KEY']\n{HANG}"
    marker = uuid4().hex
    task = yard.python(shows, marker, env={"KEY": "${secret.KEY}"})
    outcome = in_background(lambda: yard.run(task, cancel))
    eventually(lambda: "hanging" in yard.said(task))
    told = json.dumps(docker("inspect", *containers(yard.root)))
    kept = Path(task.workdir).joinpath("node.json").read_text()
    cancel.set()
    assert outcome().status == "cancelled"
    assert "3ngine-value" not in told + kept
    assert "aws-value" not in told + kept


# The client


def test_killing_the_client_ends_the_task_and_the_next_takes_the_container_away(yard: Yard) -> None:
    marker = uuid4().hex
    with subprocess.Popen(client_of(yard.root, marker)) as client:
        eventually(lambda: working(marker), 90)
        client.kill()
    eventually(lambda: not working(marker))
    assert len(containers(yard.root)) == 1, "what is left is a container that has ended"
    yard.executor.sweep()
    assert containers(yard.root) == []


def test_sweeping_leaves_alone_what_runs_and_what_is_not_ours(yard: Yard) -> None:
    labels = {names.PROJECT: PROJECT, names.ENVIRONMENT: "default", names.ROOT: "/elsewhere", names.RUN: "1"}
    flags = [part for name, text in labels.items() for part in ("--label", f"{name}={text}")]
    other = docker("run", "--detach", *flags, BASE, "sleep", "600", parse=False).strip()
    cancel = threading.Event()
    try:
        container, outcome = hanging(yard, uuid4().hex, cancel=cancel)
        yard.executor.sweep()
        assert containers(yard.root) == [container]
        assert docker("inspect", other)[0]["State"]["Running"]
        cancel.set()
        assert outcome().status == "cancelled"
    finally:
        docker("rm", "--force", other, parse=False)


def test_closing_ends_what_still_runs(yard: Yard) -> None:
    _, outcome = hanging(yard, marker := uuid4().hex)
    yard.executor.close()
    assert outcome().status == "failed"
    assert not working(marker)
    assert containers(yard.root) == []


def test_many_at_once_come_and_go(yard: Yard) -> None:
    began = time.monotonic()
    waiting = [in_background(lambda: yard.run(yard.python(WRITE % "'x'", OUT))) for _ in range(12)]
    assert [outcome().status for outcome in waiting] == ["ok"] * 12
    assert containers(yard.root) == []
    assert time.monotonic() - began < 60
