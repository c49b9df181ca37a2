"""The command line killed, or stopped, while containers work for it: the next apply goes on from there."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import BASE, containers_of, docker
from e2e.e2e_project import Project
from watching import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

SPEC = f"""
version: 1
project: killed
target: {json.dumps({"compose": {"base": BASE}})}
steps:
  quick: {{run: 'python count.py ${{outputs.o}} quick', outputs: {{o: {{type: files}}}}}}
  slow: {{run: 'python count.py ${{outputs.o}} slow', inputs: {{i: 'steps.quick:o'}}, outputs: {{o: {{type: files}}}}}}
"""
COUNT = """
import sys, time
from pathlib import Path

out, name = Path(sys.argv[1]), sys.argv[2]
notes = Path(".modelyard/notes")
with (notes / name).open("a") as runs:
    print("run", file=runs)
while name == "slow" and not (notes / "go").exists():
    time.sleep(0.05)
(out / "x").write_text(name)
"""


@dataclass(frozen=True)
class Held:
    """A project whose slow step waits until `go`."""

    project: Project

    @property
    def notes(self) -> Path:
        return self.project.root / ".modelyard" / "notes"

    def runs(self, name: str) -> int:
        path = self.notes / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    def go(self) -> None:
        (self.notes / "go").touch()

    def wait_for_slow(self, apply: "subprocess.Popen[str]") -> None:
        eventually(lambda: self.runs("slow") or apply.poll() is not None, 180)
        assert apply.poll() is None, apply.communicate()

    def running(self) -> list[str]:
        label = f"label=dev.modelyard.root={self.project.root}"
        return docker("ps", "--quiet", "--filter", label, parse=False).split()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    (tmp_path / "mlops.yaml").write_text(SPEC)
    (tmp_path / "count.py").write_text(COUNT)
    held = Held(Project(tmp_path))
    held.notes.mkdir(parents=True)
    held.notes.chmod(0o777)
    yield held
    held.project.run("destroy", "--auto-approve", code=None)
    assert containers_of(held.project) == []


def test_a_killed_apply_leaves_nothing_running_and_the_next_goes_on(held: Held) -> None:
    with held.project.start("apply", "--auto-approve") as first:
        held.wait_for_slow(first)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
    eventually(lambda: not held.running())
    held.go()
    held.project.apply()
    assert held.project.actions() == {}
    assert (held.runs("quick"), held.runs("slow")) == (1, 2)
    assert containers_of(held.project) == []


def test_ctrl_c_ends_the_container_and_says_so(held: Held) -> None:
    with held.project.start("apply", "--auto-approve") as first:
        held.wait_for_slow(first)
        os.kill(first.pid, signal.SIGINT)
        out, err = first.communicate(timeout=60)
    assert first.returncode == 130, out + err
    assert containers_of(held.project) == []
    assert "Traceback" not in out + err


def test_an_apply_killed_while_it_builds_is_made_good(held: Held) -> None:
    with held.project.start("apply", "--auto-approve") as first:
        eventually((held.project.root / ".modelyard" / "compose").exists, 60)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
    held.go()
    held.project.apply()
    assert held.project.actions() == {}
    assert (held.runs("quick"), held.runs("slow")) == (1, 1)
