"""What cannot be done on an engine: told in one line with what to do, and nothing of it is left."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from own_engine import OwnEngine
from task_yard import CODE, PROJECT, Yard

from conftest import BASE, docker
from documents import task_document
from e2e.e2e_project import free_port
from modelyard.digests import digest_bytes
from modelyard.errors import ModelyardError
from modelyard.graph.model import CodeFile, Graph, Node, Resources
from modelyard.targets.base import Deployment, LiveService
from modelyard.targets.compose import names, readiness
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.ownership import refuse_clash
from modelyard.targets.compose.target import ComposeTarget
from modelyard.targets.docker.engine import Engine
from modelyard.targets.docker.pulling import pull_missing
from modelyard.targets.images import labels
from modelyard.targets.images.kept import sweep_images

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

COMPOSE_PROJECT = "com.docker.compose.project"
OURS = f"{PROJECT}-default"
WAITS = "import time; print('waiting for the moon', flush=True); time.sleep(600)"
GROWS = "held = []\nwhile True: held.append(bytearray(8 << 20))"


@pytest.fixture(scope="module")
def root(yard_root: Path) -> Path:
    (yard_root / "code.py").write_text(CODE)
    return yard_root


@pytest.fixture
def target(root: Path) -> ComposeTarget:
    nodes = {"steps.job": Node("steps.job", "command", config={"run": ["true"]}, code=(_code(),))}
    return ComposeTarget(Graph(PROJECT, nodes), root, {"base": BASE})


def _code() -> CodeFile:
    return CodeFile("code.py", digest_bytes(CODE.encode()))


def deploy(target: ComposeTarget, root: Path, program: str, **resources: Any) -> LiveService:
    config = {"run": ["python", "-c", program], "port": free_port(), "probe": "/"}
    node = Node("serving.moon", "command", role="service", config=config, resources=Resources(**resources))
    document = task_document(root, node, project=PROJECT)
    return target.deploy(Deployment(node, document), lambda event: None)


def refused(target: ComposeTarget, root: Path, program: str = WAITS, **resources: Any) -> ModelyardError:
    with pytest.raises(ModelyardError) as told:
        deploy(target, root, program, **resources)
    assert "\n" not in told.value.what
    assert told.value.fix
    left = docker("ps", "--all", "--quiet", "--filter", f"label={names.ROOT}={root}", parse=False)
    assert left == "", "what did not come up is taken away"
    return told.value


def test_a_service_that_never_gets_ready_shows_its_last_lines(
    target: ComposeTarget, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "READY_WITHIN", 4.0)
    told = refused(target, root)
    assert told.what == "serving.moon did not come up: it was not ready within 4 s"
    assert "waiting for the moon" in told.details


def test_a_service_that_takes_more_memory_than_it_may_is_told_so(target: ComposeTarget, root: Path) -> None:
    told = refused(target, root, GROWS, memory=96 << 20)
    assert told.what == "serving.moon did not come up: memory ran out"
    assert "resources.memory" in (told.fix or "")


def test_a_service_that_wants_a_gpu_where_there_is_none_is_told_so(target: ComposeTarget, root: Path) -> None:
    told = refused(target, root, gpu=1)
    assert told.code == "no-gpu"
    assert "ask for no GPU" in (told.fix or "")


@contextmanager
def of_another(kind: str, *arguments: str) -> Iterator[str]:
    """A container, volume or network with a label as Compose puts it, of somebody else's project of our name."""
    made = docker(kind, "create", "--label", f"{COMPOSE_PROJECT}={OURS}", *arguments, parse=False).strip()
    try:
        yield made
    finally:
        docker(kind, "rm", made, parse=False)


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("container", (BASE, "true"), f"another Compose project named `{OURS}` runs on this engine"),
        ("volume", (f"{OURS}_theirs",), f"the volume {OURS}_theirs is another project's"),
        ("network", (f"{OURS}_theirs",), f"the network {OURS}_theirs is another project's"),
    ],
)
def test_what_another_project_of_our_name_has_is_left_alone(
    target: ComposeTarget, root: Path, kind: str, arguments: tuple[str, ...], said: str
) -> None:
    with of_another(kind, *arguments) as theirs:
        told = refused(target, root)
        assert told.what.startswith(said)
        assert "another `project`" in (told.fix or "")
        docker(kind, "inspect", theirs)


def test_a_volume_that_nobody_labelled_is_not_taken_for_ours(root: Path) -> None:
    scope = Scope(PROJECT, "default", root)
    docker("volume", "create", f"{OURS}_moon-door", parse=False)
    try:
        with pytest.raises(ModelyardError, match=f"the volume {OURS}_moon-door is another project's"):
            refuse_clash(Engine.connect().api, scope, [f"{OURS}_moon-door"])
        refuse_clash(Engine.connect().api, scope, [f"{OURS}_moon"])
    finally:
        docker("volume", "rm", f"{OURS}_moon-door", parse=False)


def test_an_image_of_others_that_is_not_to_be_had_is_told_so() -> None:
    with pytest.raises(ModelyardError, match=r"the image nobody\.invalid/x:1 is not to be had") as told:
        pull_missing(Engine.connect(), "nobody.invalid/x:1", lambda event: None)
    assert (told.value.code, "target.compose" in (told.value.fix or "")) == ("no-image", True)


def test_old_images_go_and_those_in_use_stay(tmp_path: Path) -> None:
    root, names_ = str(tmp_path), [f"modelyard-test-sweep:{number}" for number in range(6)]
    for number, name in enumerate(names_):
        if number == 3:
            time.sleep(1.1)  # the engine tells the age of images in whole seconds
        given = {labels.PROJECT: PROJECT, labels.ROOT: root, labels.ROLE: "tasks", "number": str(number)}
        lines = [f"FROM {BASE}", *(f'LABEL {label}="{text}"' for label, text in given.items())]
        argv = ["docker", "build", "--quiet", "--tag", name, "-"]
        env = {**os.environ, "DOCKER_BUILDKIT": "0"}
        subprocess.run(argv, input="\n".join(lines), text=True, check=True, capture_output=True, env=env)
    used = docker("create", names_[0], "true", parse=False).strip()
    try:
        sweep_images(Engine.connect().api, PROJECT, root, named=[names_[1]])
        left = docker("images", "--format", "{{.Tag}}", "modelyard-test-sweep", parse=False).split()
        assert set(left) == {"0", "1", "3", "4", "5"}, "one in a container, one deployed, the newest three"
    finally:
        docker("rm", used, parse=False)
        there = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "modelyard-test-sweep", parse=False)
        docker("rmi", *there.split(), parse=False)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnEngine]:
    """An engine whose disk takes its base image, and not much more."""
    with TemporaryDirectory(prefix="dkr", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        data = Path(folder, "data")
        data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=420m", "tmpfs", str(data)], check=True)
        engine = OwnEngine(Path(folder))
        try:
            engine.start()
            engine.load(BASE)
            monkeypatch.setenv("DOCKER_HOST", engine.host)
            yield engine
        finally:
            engine.end()
            with suppress(subprocess.CalledProcessError):
                subprocess.run(["umount", "--lazy", str(data)], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="a disk of one's own needs root")
def test_a_disk_that_fills_up_while_an_image_is_built_is_told_so(small: OwnEngine, tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as large:
        large.truncate(270 << 20)
    node = Node("steps.job", "command", config={"run": ["true"]}, code=(CodeFile("large.bin", "b3:0"),))
    yard = Yard(tmp_path)
    yard.executor = ComposeTarget(Graph(PROJECT, {"steps.job": node}), tmp_path, {"base": BASE}).executor()
    outcome = yard.run(yard.python("pass"))
    assert (outcome.status, outcome.code) == ("failed", "disk-full")
    assert outcome.reason.endswith("the disk is full")
    assert "docker builder prune" in outcome.fix
