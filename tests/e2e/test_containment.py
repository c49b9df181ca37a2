"""Steps that do not behave: what they leave behind, print without end, or ignore."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from e2e_project import Project, below

from watching import eventually, with_marker

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PROGRAM = """
import os, signal, subprocess, sys, time
from pathlib import Path

verb, marker, out = sys.argv[1:]
HANG = "import signal, time; signal.signal(15, signal.SIG_IGN); signal.signal(1, signal.SIG_IGN); time.sleep(600)"

def orphan(double):
    if double and os.fork():
        os.wait()
        return
    subprocess.Popen([sys.executable, "-c", HANG, marker], start_new_session=True)
    time.sleep(0.3)
    if double:
        os._exit(0)

def shout():
    block = (b"x" * 99 + b"\\n") * 10_000
    for _ in range(200):
        os.write(1, block)
    print("the very last line", flush=True)

def ignore():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ignoring", flush=True)
    time.sleep(600)

if verb == "orphan":
    orphan(False)
elif verb == "daemon":
    orphan(True)
elif verb == "shout":
    shout()
elif verb == "ignore":
    orphan(False)
    ignore()
elif verb == "die":
    orphan(False)
    os.kill(os.getpid(), signal.SIGKILL)
Path(out, "x").write_text("x")
"""


@pytest.fixture
def marker() -> str:
    return uuid4().hex


def one(write: Callable[..., Project], verb: str, marker: str, more: str = "") -> Project:
    run = f"run: 'python step.py {verb} {marker} ${{outputs.o}}'"
    return write(f"steps:\n  a: {{{run}, outputs: {{o: {{type: files}}}}{more}}}\n", step__py=PROGRAM)


@pytest.mark.parametrize("verb", ["orphan", "daemon"])
def test_a_process_left_in_its_own_session_is_ended(write: Callable[..., Project], marker: str, verb: str) -> None:
    project = one(write, verb, marker)
    project.apply()
    assert with_marker(marker) == []
    assert below(project.root) == []


def test_a_step_that_dies_leaves_nothing_either(write: Callable[..., Project], marker: str) -> None:
    project = one(write, "die", marker)
    said = project.apply(code=1).stderr
    assert "steps.a" in said
    assert "signal 9" in said
    assert with_marker(marker) == []


def test_200_mb_of_output_are_kept_in_bounds(write: Callable[..., Project], marker: str) -> None:
    project = one(write, "shout", marker)
    done = project.apply()
    assert len(done.stdout) + len(done.stderr) < 100_000
    logs = list((project.root / ".modelyard" / "logs").glob("*.log"))
    assert sum(log.stat().st_size for log in logs) < 20 << 20
    assert "the very last line" in project.run("logs", "steps.a").stdout[-2000:]


def test_a_timeout_ends_a_step_that_ignores_sigterm(write: Callable[..., Project], marker: str) -> None:
    project = one(write, "ignore", marker, ", timeout: 2s")
    began = time.monotonic()
    said = project.apply(code=1).stderr
    assert time.monotonic() - began < 25
    assert "timeout of 2 s" in said
    assert with_marker(marker) == []
    assert below(project.root) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupt_leaves_nothing(write: Callable[..., Project], marker: str, signum: int) -> None:
    project = one(write, "ignore", marker)
    with project.start("apply", "--auto-approve") as apply:
        eventually(lambda: len(with_marker(marker)) == 2)
        os.killpg(apply.pid, signum)
        _, err = apply.communicate(timeout=40)
    assert apply.returncode == 130, err
    assert "Traceback" not in err
    assert "steps.a" in err
    eventually(lambda: not with_marker(marker) and not below(project.root), 5)
    assert project.actions() == {"steps.a": "create"}


def test_a_second_interrupt_does_not_wait(write: Callable[..., Project], marker: str) -> None:
    project = one(write, "ignore", marker)
    with project.start("apply", "--auto-approve") as apply:
        eventually(lambda: len(with_marker(marker)) == 2)
        os.killpg(apply.pid, signal.SIGINT)
        time.sleep(0.3)
        os.killpg(apply.pid, signal.SIGINT)
        _, err = apply.communicate(timeout=40)
    assert apply.returncode == 130
    assert "Traceback" not in err
    eventually(lambda: not with_marker(marker) and not below(project.root))


def test_a_terminal_that_goes_away_leaves_nothing(write: Callable[..., Project], marker: str) -> None:
    project = one(write, "ignore", marker)
    with project.start("apply", "--auto-approve") as apply:
        eventually(lambda: len(with_marker(marker)) == 2)
        os.killpg(apply.pid, signal.SIGHUP)
        apply.communicate(timeout=40)
    eventually(lambda: not with_marker(marker) and not below(project.root))


def test_killed_in_the_middle_of_a_step_leaves_no_process(write: Callable[..., Project], marker: str) -> None:
    project = one(write, "ignore", marker)
    with project.start("apply", "--auto-approve") as apply:
        eventually(lambda: len(with_marker(marker)) == 2)
        os.kill(apply.pid, signal.SIGKILL)
        apply.communicate(timeout=40)
    eventually(lambda: not with_marker(marker) and not below(project.root))


def test_only_restoring_says_nothing_of_pipes(write: Callable[..., Project], tmp_path: Path) -> None:
    project = write("steps:\n  a: {run: 'touch ${outputs.o}/x', outputs: {o: {type: files}}}\n".replace("'", '"'))
    project.apply()
    for path in (project.root / ".modelyard").glob("state.db*"):
        path.unlink()
    for _ in range(3):
        said = project.apply().stderr
        assert "Traceback" not in said
        assert "BrokenPipe" not in said
        for path in (project.root / ".modelyard").glob("state.db*"):
            path.unlink()
