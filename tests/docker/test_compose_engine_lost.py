"""The engine goes away while a task runs: an engine of the test's own, since others may work on the machine's."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psutil
import pytest
from task_yard import HANG, Yard, in_background, working

from conftest import docker
from modelyard.errors import ModelyardError
from modelyard.targets.compose import names
from modelyard.targets.compose.engine import Engine
from watching import eventually

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.getuid() != 0, reason="an engine of one's own needs root"),
]

WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1], 'x').write_text('x')"
WENT = "the Docker engine went away while it ran"


@dataclass
class OwnEngine:
    """`folder` is short: the path of a socket has room for a hundred characters."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/s"

    def start(self) -> None:
        """In namespaces of its own: an engine makes, and takes away, the network bridge `docker0` of its machine."""
        folders = ("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec")
        argv = ["dockerd", "--host", self.host, *folders, "--pidfile", f"{self.folder}/pid"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", "--", *argv], stdout=log, stderr=log, start_new_session=True
            )
        eventually(self.answers, 60)

    def answers(self) -> bool:
        return subprocess.run(["docker", "--host", self.host, "info"], capture_output=True, check=False).returncode == 0

    def stop(self) -> None:
        """As an administrator does: its containers are asked to end."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)

    def kill(self) -> None:
        """As a bad moment does: the engine and what it stands on, at once. Containers go on without it."""
        assert self.process is not None
        below = [child for child in psutil.Process(self.process.pid).children() if child.name() == "containerd"]
        for victim in [self.process, *below]:
            victim.kill()
        self.process.wait(60)
        (self.folder / "pid").unlink(missing_ok=True)
        for pid in self.folder.glob("exec/containerd/*.pid"):
            pid.unlink()

    def end(self) -> None:
        """Whatever state a test has left it in: started once more, it ends what it left running."""
        if not self.answers():
            self.start()
        self.kill()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yard")


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
            with subprocess.Popen(["docker", "save", tag], stdout=subprocess.PIPE) as saved:
                subprocess.run(["docker", "--host", engine.host, "load", "--quiet"], stdin=saved.stdout, check=True)
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
