"""A disk that is full: one line, the state intact, and after some space is freed apply goes on."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_project import Project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SIZE = 16 << 20
SPEC = """
steps:
  a: {run: 'python step.py a 1 ${outputs.o} COUNT', outputs: {o: {type: files}}}
  b: {run: 'python step.py b 3 ${outputs.o} COUNT', inputs: {i: 'steps.a:o'}, outputs: {o: {type: files}}}
  c: {run: 'python step.py c 1 ${outputs.o} COUNT', inputs: {i: 'steps.b:o'}, outputs: {o: {type: files}}}
"""
STEP = """
import os, sys
from pathlib import Path

name, megabytes, out, count = sys.argv[1:]
with open(count, "a") as runs:
    print(name, file=runs)
try:
    Path(out, "x").write_bytes(os.urandom(int(megabytes) << 20))
except OSError as error:
    sys.exit(f"cannot write: {error}")
"""


class SmallDisk:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.ballast = root / "ballast"

    def fill(self, leave: int) -> None:
        """Until only `leave` bytes are free."""
        free = os.statvfs(self.root)
        with self.ballast.open("ab") as stream:
            os.posix_fallocate(stream.fileno(), 0, max(free.f_bavail * free.f_frsize - leave, 1))

    def free(self) -> None:
        self.ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    root = tmp_path / "project"
    root.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    argv = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "small", str(root)]
    mounted = subprocess.run(argv, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield SmallDisk(root)
    subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def count(tmp_path: Path) -> Path:
    return tmp_path / "count"


@pytest.fixture
def project(disk: SmallDisk, write: Callable[..., Project], count: Path) -> Project:
    return write(SPEC.replace("COUNT", str(count)), step__py=STEP)


def check_one_line(said: str) -> None:
    assert "Traceback" not in said
    assert "a defect" not in said
    assert "disk" in said or "No space left" in said


def test_full_in_the_middle(project: Project, disk: SmallDisk, count: Path) -> None:
    disk.fill(leave=5 << 20)
    said = project.apply(code=1).stderr
    check_one_line(said)
    assert "steps.b" in said
    ran = count.read_text().split()
    assert ran[:2] == ["a", "b"]
    disk.free()
    assert project.actions() == {"steps.b": "create", "steps.c": "create"}
    project.apply()
    assert count.read_text().split() == ["a", "b", "b", "c"]
    assert project.actions() == {}
    project.run("audit", "verify")


@pytest.mark.parametrize("left", [0, 4096, 64 << 10, 300 << 10])
def test_full_from_the_start(project: Project, disk: SmallDisk, count: Path, left: int) -> None:
    disk.fill(leave=left)
    check_one_line(project.apply(code=1).stderr)
    disk.free()
    project.apply()
    assert sorted(set(count.read_text().split())) == ["a", "b", "c"]
    assert project.actions() == {}


@pytest.mark.parametrize("left", [0, 4096, 40 << 10])
def test_full_where_something_was_applied(project: Project, disk: SmallDisk, count: Path, left: int) -> None:
    project.apply()
    (project.root / "step.py").write_text(STEP + "\n# changed\n")
    disk.fill(leave=left)
    check_one_line(project.apply(code=1).stderr)
    for command in ("status", "plan"):  # a log of SQLite's that was left may need room to be read
        looked = project.run(command, code=None)
        if looked.returncode:
            check_one_line(looked.stderr)
    disk.free()
    assert project.actions() == {"steps.a": "rerun", "steps.b": "rerun", "steps.c": "rerun"}
    project.apply()
    assert project.actions() == {}
    project.run("audit", "verify")
