"""The state in PostgreSQL: shared by machines, and what a person sees when the server is in trouble."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from e2e_project import Project, free_port

from postgres_server import PASSWORD, Postgres, pg_ctl, running_postgres
from watching import eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(180),
    pytest.mark.skipif(pg_ctl() is None, reason="no PostgreSQL on this machine: apt-get install postgresql"),
]
SPEC = """
steps:
  quick: {{run: 'python work.py quick ${{outputs.o}}', outputs: {{o: {{type: files}}}}}}
  slow: {{run: 'python work.py slow ${{outputs.o}}', inputs: {{i: 'steps.quick:o'}}, outputs: {{o: {{type: files}}}}}}
  last: {{run: 'python work.py last ${{outputs.o}}', inputs: {{i: 'steps.slow:o'}}, outputs: {{o: {{type: files}}}}}}
state: {{uri: "{uri}"}}
store: {{path: {store}}}
"""
WORK = """
import sys, time
from pathlib import Path

name, out = sys.argv[1:]
with Path("runs").open("a") as runs:
    print(name, file=runs)
while name == "slow" and Path("hold").exists():
    time.sleep(0.02)
(Path(out) / "x").write_text(name)
"""


@pytest.fixture
def server() -> Iterator[Postgres]:
    with running_postgres() as made:
        yield made


@pytest.fixture
def project(
    write: Callable[..., Project], server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Project]:
    monkeypatch.setenv("PG_PASSWORD", quote(PASSWORD, safe=""))

    def written(address: str = server.address, database: str = "postgres") -> Project:
        uri = f"postgresql://modelyard:${{secret.PG_PASSWORD}}@{address}/{database}"
        return write(SPEC.format(uri=uri, store=tmp_path / "store"), work__py=WORK)

    return written


def runs(project: Project) -> list[str]:
    return (project.root / "runs").read_text().split()


def is_running(project: Project, name: str) -> Callable[[], bool]:
    return lambda: (project.root / "runs").exists() and name in runs(project)


def elsewhere(project: Project, root: Path) -> Project:
    """The same project in another folder, as another machine has it."""
    shutil.copytree(project.root, root, ignore=shutil.ignore_patterns(".modelyard", "runs", "hold"))
    return Project(root)


def no_password(text: str) -> bool:
    return PASSWORD not in text and quote(PASSWORD, safe="") not in text and "Traceback" not in text


def test_what_one_has_applied_the_other_has_too(project: Callable[..., Project], tmp_path: Path) -> None:
    here = project()
    here.apply()
    there = elsewhere(here, tmp_path / "there")
    assert there.actions() == {}
    (there.root / "work.py").write_text(WORK + "# new\n")
    there.apply()
    (here.root / "work.py").write_text(WORK + "# new\n")
    assert here.actions() == {}
    here.run("audit", "verify")
    left = b"".join(path.read_bytes() for path in here.root.rglob("*") if path.is_file())
    assert no_password(left.decode(errors="replace"))


def test_of_two_at_once_one_waits_and_has_nothing_to_do(project: Callable[..., Project], tmp_path: Path) -> None:
    here = project()
    there = elsewhere(here, tmp_path / "there")
    (here.root / "hold").touch()
    with here.start("apply", "--auto-approve") as first:
        eventually(is_running(here, "slow"))
        refused = there.apply(code=1).stderr
        assert f"pid {first.pid}" in refused
        with there.start("apply", "--auto-approve", "--lock-wait", "60") as second:
            (here.root / "hold").unlink()
            out, err = second.communicate(timeout=90)
        assert second.returncode == 0, out + err
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert not (there.root / "runs").exists()


def test_an_apply_killed_while_it_holds_the_lock(project: Callable[..., Project]) -> None:
    here = project()
    (here.root / "hold").touch()
    with here.start("apply", "--auto-approve") as first:
        eventually(is_running(here, "slow"))
        os.killpg(first.pid, signal.SIGKILL)
    (here.root / "hold").unlink()
    here.apply()
    assert here.actions() == {}
    assert runs(here) == ["quick", "slow", "slow", "last"]


def test_a_server_that_goes_away_in_the_middle(project: Callable[..., Project], server: Postgres) -> None:
    here = project()
    (here.root / "hold").touch()
    with here.start("apply", "--auto-approve") as first:
        eventually(is_running(here, "slow"))
        server.stop()
        (here.root / "hold").unlink()
        out, err = first.communicate(timeout=90)
    assert first.returncode == 1
    assert f"the state at {server.address}/postgres cannot be reached" in out + err
    assert no_password(out + err)
    server.start()
    here.apply()
    assert here.actions() == {}
    assert runs(here) == ["quick", "slow", "last"]  # what had finished is in the store


def test_a_server_that_is_restarted_in_the_middle_is_found_again(
    project: Callable[..., Project], server: Postgres
) -> None:
    here = project()
    (here.root / "hold").touch()
    with here.start("apply", "--auto-approve") as first:
        eventually(is_running(here, "slow"))
        server.stop()
        server.start()
        (here.root / "hold").unlink()
        out, err = first.communicate(timeout=90)
    assert first.returncode == 0, out + err
    assert here.actions() == {}


@pytest.mark.parametrize("trouble", ["password", "server", "database", "host"])
def test_what_is_wrong_is_said_in_a_line(
    project: Callable[..., Project], server: Postgres, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    here = {
        "password": project,
        "server": lambda: project(f"127.0.0.1:{free_port()}"),
        "database": lambda: project(database="nowhere"),
        "host": lambda: project("nowhere.invalid:5432"),
    }[trouble]()
    said = {
        "password": "password authentication failed",
        "server": "refused",
        "database": "does not exist",
        "host": "nowhere.invalid",
    }[trouble]
    if trouble == "password":
        monkeypatch.setenv("PG_PASSWORD", "wrong-as-can-be")
    done = here.run("plan", code=1)
    assert said in done.stderr
    assert no_password(done.stderr)
    assert "wrong-as-can-be" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr
