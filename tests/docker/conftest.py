"""Tests against a real Docker engine. `.ci/docker.sh` starts one, and makes the base image that they build upon."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from e2e.e2e_project import EXAMPLES, Project, free_port

BASE = os.environ.get("MODELYARD_TEST_BASE", "modelyard-base:bookworm")


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """An engine, and the base image; a test that is asked for and cannot run is a failure, not a skip."""
    assert shutil.which("docker"), "no docker client: see .ci/docker.sh"
    done = subprocess.run(["docker", "image", "inspect", BASE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"no engine, or no image {BASE}: run .ci/docker.sh\n{done.stderr}"


@pytest.fixture(scope="session")
def yard_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all that work in a yard (`task_yard`): so its image is built once."""
    return tmp_path_factory.mktemp("yard")


def compose_project(name: str, folder: Path) -> Project:
    """A copy of an example with free ports, and an environment `staging` on the Compose target."""
    root = folder / name
    shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns(".modelyard", "__pycache__", "out"))
    text = (root / "mlops.yaml").read_text()
    for port in ("8080", "8081", "5000"):
        text = text.replace(f"port: {port}", f"port: {free_port()}")
    staging = json.dumps({"target": {"compose": {"base": BASE}}})
    (root / "mlops.yaml").write_text(f"{text}\nenvironments:\n  staging: {staging}\n")
    return Project(root)


def docker(*arguments: str, parse: bool = True) -> Any:
    """What the client prints; parsed where it is JSON."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout) if parse else done.stdout


@cache
def companion(name: str) -> str:
    """An image that stands in for one of a registry, made once."""
    folder = Path(__file__).parent / "companions"
    image = f"modelyard-test-{name}:bookworm"
    argv = ["docker", "build", "--quiet", "--network", "host", "--build-arg", f"BASE={BASE}", "--tag", image]
    file = ["--file", f"{folder}/{name}.Dockerfile", str(folder)]
    subprocess.run([*argv, *file], check=True, env={**os.environ, "DOCKER_BUILDKIT": "0"})
    return image


def containers_of(project: Project) -> list[str]:
    """Names of a project's containers, whatever their state."""
    label = f"label=dev.modelyard.root={project.root}"
    return sorted(docker("ps", "--all", "--format", "{{.Names}}", "--filter", label, parse=False).split())
