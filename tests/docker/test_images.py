"""Images built on a real engine: what they hold, what they do not, and what is said when one cannot be built."""

import json
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import BASE, docker
from modelyard.errors import ModelyardError
from modelyard.graph.model import CodeFile, Graph, Node
from modelyard.targets.compose.access import container_user
from modelyard.targets.compose.folder import ComposeFolder
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.rendering import render_graph
from modelyard.targets.docker.compose_cli import ComposeCli
from modelyard.targets.docker.engine import Engine
from modelyard.targets.images import images_of
from modelyard.targets.images import labels as names
from modelyard.targets.images.building import build
from modelyard.targets.images.pip_settings import pip_secrets
from modelyard.targets.images.turns import take_turn

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


class Builds:
    """A project whose image is built as the target does it. `events` are what was told meanwhile."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.scope = Scope("images", "test", root)
        self.events: list[dict[str, Any]] = []
        self.cancel = threading.Event()
        (root / "a.sh").write_text("#!/bin/sh\necho ran\n")

    def build(self, base: str = BASE, packages: tuple[str, ...] = ()) -> str:
        code = (CodeFile("a.sh", "b3:0"),)
        nodes = {"steps.a": Node("steps.a", "command", config={"run": ["./a.sh"]}, code=code)}
        graph = Graph("images", nodes, settings={"runtime": {"packages": list(packages)}})
        images = images_of(graph, self.root, base)
        files = render_graph(graph, self.scope, images, base, container_user())
        ComposeFolder(self.scope.folder).write(files)
        self.events.clear()
        build(self.cli, Engine.connect(), str(self.root), [images["tasks"]], self._hear, self.cancel)
        return images["tasks"].name

    @property
    def cli(self) -> ComposeCli:
        return ComposeCli(self.scope)

    def _hear(self, event: Any) -> None:
        self.events.append(dict(event))


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[Builds]:
    yield Builds(tmp_path)
    kept = f"label={names.ROOT}={tmp_path}"
    for image in docker("images", "--quiet", "--filter", kept, parse=False).split():
        subprocess.run(["docker", "rmi", "--force", image], capture_output=True, check=False)


def run(image: str, *arguments: str, entrypoint: str = "") -> "subprocess.CompletedProcess[str]":
    closed = ["--read-only", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    argv = ["docker", "run", "--rm", *closed, *(["--entrypoint", entrypoint] if entrypoint else []), image, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def inspect(image: str) -> dict[str, Any]:
    return dict(docker("inspect", image)[0])


def test_an_image_runs_the_runtime_without_rights(builds):
    image = builds.build()
    told = run(image)
    assert (told.returncode, "say which: modelyard.runtime NODE.json" in told.stdout + told.stderr) == (2, True)
    program = "import os, modelyard; print(os.getuid(), os.getcwd(), modelyard.__file__)"
    seen = run(image, "-c", program, entrypoint="python")
    assert seen.stdout.split() == ["10001", str(builds.root), "/opt/modelyard/modelyard/__init__.py"]
    assert run(image, entrypoint="./a.sh").stdout == "ran\n"


def test_a_project_below_a_folder_that_the_base_keeps_closed_is_reached(builds):
    """Such as /root: what is mounted there is below it too."""
    closed, folder = "modelyard-test-closed:1", builds.root.parent
    lines = f"FROM {BASE}\nRUN mkdir -p {folder} && chmod 0700 {folder}\n"
    try:
        subprocess.run(["docker", "build", "--quiet", "--tag", closed, "-"], input=lines, text=True, check=True)
        assert run(builds.build(base=closed), entrypoint="./a.sh").stdout == "ran\n"
    finally:
        subprocess.run(["docker", "rmi", "--force", closed], capture_output=True, check=False)


def test_an_image_says_what_it_is(builds):
    subprocess.run(["git", "init", "--quiet", builds.root], check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", builds.root, "add", "a.sh"], check=True)
    subprocess.run(["git", "-C", builds.root, *author, "commit", "--quiet", "-m", "a"], check=True)
    head = subprocess.run(["git", "-C", builds.root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    labels = inspect(builds.build())["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "images-tasks"
    assert labels["org.opencontainers.image.revision"] == head.stdout.strip()
    assert labels["org.opencontainers.image.base.name"] == BASE
    assert (labels[names.PROJECT], labels[names.ROLE], labels[names.ROOT]) == ("images", "tasks", str(builds.root))
    assert any("above" in event["text"] for event in builds.events if event["event"] == "note")


def test_what_is_built_is_not_built_again_and_new_code_is_a_new_layer_alone(builds):
    first = builds.build()
    builds.build()
    assert builds.events == []
    (builds.root / "a.sh").write_text("#!/bin/sh\necho again\n")
    second = builds.build()
    assert second != first
    assert run(second, entrypoint="./a.sh").stdout == "again\n"
    before, after = (inspect(image)["RootFS"]["Layers"] for image in (first, second))
    assert len(before) == len(after)
    assert sum(mine != other for mine, other in zip(before, after, strict=True)) == 1


def test_one_project_in_two_folders_gets_its_own_code(builds, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    name = builds.build()
    assert Builds(other).build() == name
    assert inspect(name)["Config"]["WorkingDir"] == str(other)


def test_built_anew_it_is_the_same_and_no_secret_is_in_it(builds, monkeypatch, tmp_path):
    image = builds.build()
    before = _files(image, tmp_path / "before.tar")
    words = ["word-of-the-index", "word-of-netrc", "word-of-the-proxy"]
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine nobody.invalid login me password {words[1]}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    indexes = f"http://me:{words[0]}@127.0.0.1:9/simple https://nobody.invalid/simple"
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{os.environ.get('PIP_EXTRA_INDEX_URL', '')} {indexes}")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{words[2]}@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    said: list[str] = []
    with take_turn(print, builds.cancel), pip_secrets(near=True) as variables:
        given = Path(variables["MODELYARD_PIP_CONF"]).read_text() + Path(variables["MODELYARD_PIP_NETRC"]).read_text()
        assert [word in given + variables["HTTP_PROXY"] for word in words] == [True] * 3
        arguments = ("--progress", "plain", "--profile", "images", "build", "--no-cache", "image-tasks")
        code = builds.cli.watch(*arguments, on_line=said.append, cancel=builds.cancel, env=variables)
    assert code == 0, said[-20:]
    assert any("nobody.invalid" in line or "127.0.0.1:9" in line for line in said), "pip was not given its index"
    after = _files(image, tmp_path / "after.tar")
    assert after == before
    everything = (tmp_path / "after.tar").read_bytes() + docker("history", "--no-trunc", image, parse=False).encode()
    everything += json.dumps(inspect(image)).encode() + "\n".join(said).encode()
    assert [word.encode() in everything for word in words] == [False] * 3


_ENGINES = ("etc", "dev", "proc", "sys")


def _files(image: str, archive: Path) -> list[dict[str, tuple[Any, ...]]]:
    """What each layer says of each file; not of the folders that the engine itself makes while a step runs."""
    subprocess.run(["docker", "save", "--output", str(archive), image], check=True)
    with tarfile.open(archive) as saved:
        manifest = json.load(saved.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        layers = []
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=saved.extractfile(name)) as layer:
                entries = [entry for entry in layer if entry.name not in _ENGINES]
                layers.append(
                    {one.name: (one.mtime, one.mode, one.uid, one.type, one.linkname, _content(layer, one))
                     for one in entries}
                )  # fmt: skip
    return layers


def _content(layer: tarfile.TarFile, entry: tarfile.TarInfo) -> int:
    return hash(layer.extractfile(entry).read()) if entry.isfile() else 0  # type: ignore[union-attr]


def test_a_base_that_is_not_there_is_told(builds):
    with pytest.raises(ModelyardError, match=r"its base image no-such-base-here:1") as told:
        builds.build(base="no-such-base-here:1")
    assert told.value.code == "no-base-image"


def test_a_package_that_is_not_there_is_told(builds):
    with pytest.raises(ModelyardError, match="No matching distribution found for modelyard-has-no-such-friend") as told:
        builds.build(packages=("modelyard-has-no-such-friend",))
    assert (told.value.code, "\n" in told.value.what) == ("build-failed", False)


def test_an_index_out_of_reach_is_told(builds, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "1")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelyardError, match="the build reaches no package index") as told:
        builds.build(packages=("tomli-w",))
    assert told.value.code == "no-network"


def test_a_cancelled_build_ends_and_the_next_one_is_whole(builds):
    (builds.root / "a.sh").write_text("#!/bin/sh\necho cancelled before\n")
    builds.cancel.set()
    with pytest.raises(ModelyardError) as told:
        builds.build(packages=("tabulate",))
    assert told.value.code == "cancelled"
    builds.cancel.clear()
    image = builds.build(packages=("tabulate",))
    assert run(image, entrypoint="./a.sh").stdout == "cancelled before\n"


def test_without_an_engine_a_build_is_told_so(builds, monkeypatch):
    builds.build()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with pytest.raises(ModelyardError) as told:
        builds.cli.run("--profile", "images", "build", "image-tasks")
    assert told.value.code == "no-engine"
