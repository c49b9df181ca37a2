"""Two applies of one project at once: the second refuses and names the first, or waits for it."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from e2e_project import Project

from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SPEC = """
steps:
  quick: {run: 'touch ${outputs.o}/x', outputs: {o: {type: files}}}
  slow: {run: 'python slow.py ${outputs.o} COUNT GO', inputs: {i: 'steps.quick:o'}, outputs: {o: {type: files}}}
"""
SLOW = """
import os, sys, time
from pathlib import Path

out, count, go = map(Path, sys.argv[1:])
with count.open("a") as runs:
    print(os.getpid(), file=runs)
while not go.exists():
    time.sleep(0.02)
(out / "x").write_text("x")
"""


@dataclass(frozen=True)
class Held:
    """A project with an apply under way, that waits in its step until `go`."""

    project: Project
    pid: int
    count: Path
    go: Path

    def runs(self) -> int:
        return len(self.step_pids())

    def step_pids(self) -> list[int]:
        return [int(line) for line in self.count.read_text().splitlines()]


@pytest.fixture
def held(write: Callable[..., Project], tmp_path: Path) -> Iterator[Held]:
    count, go = tmp_path / "count", tmp_path / "go"
    project = write(SPEC.replace("COUNT", str(count)).replace("GO", str(go)), slow__py=SLOW)
    with project.start("apply", "--auto-approve") as first:
        eventually(lambda: count.exists() and bool(count.read_text()))
        yield Held(project, first.pid, count, go)
        go.touch()
        out, err = first.communicate(timeout=60)
        assert first.returncode in (0, -signal.SIGKILL), out + err


def test_the_second_refuses_and_names_the_first(held: Held) -> None:
    said = held.project.apply(code=1).stderr
    assert "the state is locked by" in said
    assert f"pid {held.pid}" in said
    assert "Traceback" not in said
    assert held.runs() == 1


def test_the_second_waits_and_then_has_nothing_to_do(held: Held) -> None:
    with held.project.start("apply", "--auto-approve", "--lock-wait", "60") as second:
        assert second.stderr is not None
        for line in second.stderr:
            if f"pid {held.pid}" in line:
                held.go.touch()
                break
        _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert held.runs() == 1
    assert held.project.actions() == {}


def test_waiting_has_an_end(held: Held) -> None:
    said = held.project.apply("--lock-wait", "1", code=1).stderr
    assert f"pid {held.pid}" in said


@pytest.mark.parametrize("verb", ["apply", "destroy"])
def test_ctrl_c_ends_the_waiting_at_once(held: Held, verb: str) -> None:
    with held.project.start(verb, "--auto-approve", "--lock-wait", "60") as second:
        assert second.stderr is not None
        for line in second.stderr:
            if f"pid {held.pid}" in line:
                break
        os.kill(second.pid, signal.SIGINT)
        _, err = second.communicate(timeout=30)
    assert second.returncode == 130, err
    assert "nothing was done" in err


def test_destroy_waits_too(held: Held) -> None:
    with held.project.start("destroy", "--auto-approve", "--lock-wait", "60") as second:
        assert second.stderr is not None
        for line in second.stderr:
            if f"pid {held.pid}" in line:
                held.go.touch()
                break
        _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert set(held.project.actions().values()) == {"restore"}


def test_destroy_refuses_too(held: Held) -> None:
    said = held.project.run("destroy", "--auto-approve", code=1).stderr
    assert f"pid {held.pid}" in said


def test_looking_does_not_wait(held: Held) -> None:
    assert held.project.actions() == {"steps.slow": "create"}
    assert held.project.json("status")["nodes"]
    assert held.project.json("runs")[0]["status"] == "running"


def test_the_lock_of_a_killed_apply_is_taken_over(held: Held) -> None:
    (step,) = held.step_pids()
    os.kill(held.pid, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(step))  # a step that is told to go on before it is stopped has finished
    held.go.touch()
    held.project.apply()
    assert held.project.actions() == {}
    assert held.runs() == 2


def test_another_environment_is_not_held_up(write: Callable[..., Project], held: Held) -> None:
    held.go.touch()
    held.project.apply("-e", "other", code=None)
    spec = held.project.root / "mlops.yaml"
    spec.write_text(spec.read_text() + "environments: {dev: {}, other: {}}\n")
    held.project.apply("-e", "other", "--lock-wait", "30")
    assert held.project.actions("-e", "other") == {}
