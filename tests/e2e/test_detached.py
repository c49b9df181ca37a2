"""`apply --detach`: the work goes on when the command line has gone."""

import time
from collections.abc import Callable

import pytest
from e2e_project import Project

from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SLOW = """\
steps:
  slow: {run: "python slow.py ${outputs.out}", outputs: {out: {}}}
  after: {run: "cp ${inputs.slow}/done ${outputs.out}/done", inputs: {slow: steps.slow:out}, outputs: {out: {}}}
"""


def test_it_goes_on_by_itself_and_can_be_followed(write: Callable[..., Project]) -> None:
    project = write(
        SLOW, slow__py="import sys, time, pathlib\ntime.sleep(6)\npathlib.Path(sys.argv[1], 'done').touch()\n"
    )
    began = time.monotonic()
    said = project.run("apply", "--auto-approve", "--detach").stderr
    assert time.monotonic() - began < 6
    assert "logs apply" in said
    assert "apply" in project.json("status")["under_way"]
    eventually(lambda: project.json("status")["under_way"] is None, 60)
    assert project.actions() == {}
    assert "steps.after" in project.run("logs", "apply").stdout


def test_what_cannot_start_is_said_at_once(write: Callable[..., Project]) -> None:
    project = write("steps:\n  bad: {run: no-such-program, outputs: {out: {}}}\n")
    project.run("apply", "--auto-approve", "--detach", code=None)
    eventually(lambda: project.json("status")["under_way"] is None, 60)
    assert "no-such-program" in project.run("logs", "apply").stdout


def test_nothing_to_do_detaches_nothing(write: Callable[..., Project]) -> None:
    project = write('steps:\n  a: {run: "touch ${outputs.out}/a", outputs: {out: {}}}\n')
    project.apply()
    assert "Nothing to do" in project.run("apply", "--auto-approve", "--detach").stderr
    assert not (project.root / ".modelyard" / "detached").exists()
