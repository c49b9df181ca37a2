"""Tests against a real Docker engine. `.ci/docker.sh` starts one, and makes the base image that they build upon."""

import os
import shutil
import subprocess

import pytest

BASE = os.environ.get("MODELYARD_TEST_BASE", "modelyard-base:bookworm")


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """An engine, and the base image; a test that is asked for and cannot run is a failure, not a skip."""
    docker = shutil.which("docker")
    assert docker, "no docker client: see .ci/docker.sh"
    done = subprocess.run([docker, "image", "inspect", BASE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"no engine, or no image {BASE}: run .ci/docker.sh\n{done.stderr}"
