"""The engine goes away while a task runs: an engine of the test's own, since others may work on the machine's."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from own_engine import OwnEngine
from task_yard import HANG, Yard, in_background, working

from conftest import docker
from modelyard.errors import ModelyardError
from modelyard.targets.compose import names
from modelyard.targets.docker.engine import Engine
from watching import eventually

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.getuid() != 0, reason="an engine of one's own needs root"),
]

WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1], 'x').write_text('x')"
WENT = "the Docker engine went away while it ran"


@pytest.fixture(scope="module")
def root(yard_root: Path) -> Path:
    return yard_root


@pytest.fixture(scope="module")
def engine(root: Path) -> Iterator[OwnEngine]:
    """With the yard's image, as the machine's own engine has built it."""
    first = Yard(root)
    done = first.run(first.python(WRITE, "${outputs.out}"))
    assert done.status == "ok", done
    image = docker("images", "--quiet", "--filter", f"label={names.ROOT}={root}", parse=False).split()[0]
    tag = docker("inspect", image)[0]["RepoTags"][0]
    with TemporaryDirectory(prefix="dkr", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        engine = OwnEngine(Path(folder))
        engine.start()
        try:
            engine.load(tag)
            yield engine
        finally:
            engine.end()


@pytest.fixture(scope="module")
def yard(engine: OwnEngine, root: Path) -> Iterator[Yard]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", engine.host)
        yield Yard(root)


def left(engine: OwnEngine) -> str:
    argv = ["docker", "--host", engine.host, "ps", "--all", "--quiet"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_lost_engine_fails_its_tasks_and_leaves_nothing(yard: Yard, engine: OwnEngine, how: str) -> None:
    done = yard.run(yard.python(WRITE, "${outputs.out}"))
    assert done.status == "ok", done
    marker = uuid4().hex
    outcome = in_background(lambda: yard.run(yard.python(HANG, marker)))
    eventually(lambda: working(marker), 60)

    getattr(engine, how)()

    assert outcome().status == "failed"
    assert how == "stop" or (outcome().code, outcome().reason) == ("no-engine", WENT)
    assert how == "kill" or not working(marker)
    again = yard.run(yard.python(WRITE, "${outputs.out}"))
    assert (again.status, again.code) == ("failed", "no-engine")
    with pytest.raises(ModelyardError, match="no Docker engine answers"):
        Engine.connect()

    engine.start()
    done = yard.run(yard.python(WRITE, "${outputs.out}"))
    assert done.status == "ok", done
    assert not working(marker), "what a killed engine left running is ended before anything new runs"
    assert left(engine) == ""


def test_work_that_was_done_when_the_engine_went_is_kept(yard: Yard, engine: OwnEngine) -> None:
    """Its result is in the store before the runtime says so."""
    task = yard.python(WRITE, "${outputs.out}")
    outcome = in_background(lambda: yard.run(task))
    eventually(Path(task.result).exists, 60)
    engine.kill()
    engine.start()
    assert outcome().status == "ok"
