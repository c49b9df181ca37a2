"""`modelyard build --push` against a real registry, with logins and without."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import BASE, docker
from e2e.e2e_project import free_port
from watching import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

SPEC = """
version: 1
project: pushed
steps:
  a: {run: [./a.sh]}
environments:
  staging: {target: {compose: {base: "%(base)s", registry: "127.0.0.1:%(port)d/team"}}}
  prod: {target: {kubernetes: {base: "%(base)s", registry: "127.0.0.1:%(port)d/team", store: {size: 1Gi}}}}
"""
MODELYARD = (sys.executable, "-m", "modelyard")
HTPASSWD = "ann:$2b$05$Nxko5NXnFtRCyJcOpxTX.ebScnOC2fzPzeIcTTNRmHFqfzgEyvUum\n"


@contextmanager
def serving(folder: Path, auth: str = "") -> Iterator[int]:
    program = shutil.which("docker-registry")
    assert program, "no docker-registry: see .ci/docker.sh"
    port = free_port()
    config = folder / "registry.yml"
    storage = {"filesystem": {"rootdirectory": str(folder / "registry")}}
    settings = {"version": 0.1, "storage": storage, "http": {"addr": f"127.0.0.1:{port}"}}
    if auth:
        (folder / "htpasswd").write_text(auth)
        settings["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    config.write_text(json.dumps(settings))
    log = (folder / "registry.log").open("w")
    with subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log) as process:
        try:
            eventually(lambda: _answers(port))
            yield port
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1)
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    return True


def project(root: Path, port: int) -> Path:
    root.mkdir()
    (root / "mlops.yaml").write_text(SPEC % {"base": BASE, "port": port})
    (root / "a.sh").write_text("#!/bin/sh\necho ran\n")
    (root / "a.sh").chmod(0o755)
    return root


def build(
    root: Path, *arguments: str, environment: str = "staging", **environ: str
) -> "subprocess.CompletedProcess[str]":
    argv = [*MODELYARD, "build", "-e", environment, "--format", "json", *arguments]
    return subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, **environ})


@pytest.fixture
def forgotten() -> Iterator[None]:
    yield
    for image in docker("images", "--quiet", "--filter", "label=dev.modelyard.project=pushed", parse=False).split():
        subprocess.run(["docker", "rmi", "--force", image], capture_output=True, check=False)


def test_an_image_is_pushed_once_and_its_digest_is_the_registrys(tmp_path, forgotten):
    with serving(tmp_path) as port:
        root = project(tmp_path / "project", port)
        done = build(root, "--push")
        assert done.returncode == 0, done.stderr
        (image,) = json.loads(done.stdout)
        assert image["name"].startswith(f"127.0.0.1:{port}/team/pushed-tasks:")
        repository, tag = f"http://127.0.0.1:{port}/v2/team/pushed-tasks", image["name"].rpartition(":")[2]
        accepted = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{repository}/manifests/{tag}", headers=accepted)
        ) as answer:
            assert answer.headers["Docker-Content-Digest"] == image["digest"]
        assert json.loads((root / ".modelyard/images.json").read_text()) == {image["name"]: image["digest"]}

        docker("rmi", "--force", image["name"], parse=False)
        again = build(root, "--push", "-v")
        assert json.loads(again.stdout) == [{**image, "bytes": 0}]
        assert "building" not in again.stderr

        docker("pull", f"{image['name'].rpartition(':')[0]}@{image['digest']}", parse=False)
        (root / "a.sh").write_text("#!/bin/sh\necho other\n")
        (other,) = json.loads(build(root, "--push").stdout)
        assert other["digest"] != image["digest"]
        assert json.loads((root / ".modelyard/images.json").read_text()) == {other["name"]: other["digest"]}


def test_apply_finds_what_build_has_built(tmp_path, forgotten):
    root = project(tmp_path / "project", free_port())
    assert build(root).returncode == 0
    argv = [*MODELYARD, "apply", "-e", "staging", "--auto-approve", "-v"]
    applied = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, applied.stderr
    assert "building" not in applied.stderr
    subprocess.run([*MODELYARD, "destroy", "-e", "staging", "--auto-approve"], cwd=root, check=True)


def test_a_login_is_taken_from_dockers_configuration_and_asked_for_without(tmp_path, forgotten):
    with serving(tmp_path, HTPASSWD) as port:
        root = project(tmp_path / "project", port)
        refused = build(root, "--push", DOCKER_CONFIG=str(tmp_path / "nobody"))
        assert refused.returncode == 1
        assert f"could not be pushed to 127.0.0.1:{port}: it does not take this login" in refused.stderr
        assert f"docker login 127.0.0.1:{port}" in refused.stderr
        config = tmp_path / "ann"
        config.mkdir()
        login = {"auths": {f"127.0.0.1:{port}": {"auth": "YW5uOnNlY3JldA=="}}}
        (config / "config.json").write_text(json.dumps(login))
        done = build(root, "--push", DOCKER_CONFIG=str(config))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[0]["digest"].startswith("sha256:")


def test_a_registry_that_does_not_answer_is_said(tmp_path, forgotten):
    root = project(tmp_path / "project", free_port())
    done = build(root, "--push")
    assert done.returncode == 1
    assert "it does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_image_for_a_cluster_has_the_project_at_its_place_and_what_a_run_needs(tmp_path, forgotten):
    with serving(tmp_path) as port:
        root = project(tmp_path / "project", port)
        done = build(root, "--push", environment="prod")
        assert done.returncode == 0, done.stderr
        images = {image["role"]: image for image in json.loads(done.stdout)}
        name = f"{images['tasks']['name']}@{images['tasks']['digest']}"
        docker("pull", name, parse=False)
        argv = ["docker", "run", "--rm", "--read-only", "--network", "none", "--entrypoint"]
        ran = subprocess.run([*argv, "./a.sh", name], capture_output=True, text=True, check=True)
        assert ran.stdout == "ran\n"
        program = "import os, kubernetes, modelyard.apply.in_cluster; print(os.getcwd(), os.getuid())"
        seen = subprocess.run([*argv, "python", name, "-c", program], capture_output=True, text=True, check=False)
        assert seen.stdout.split() == ["/project", "10001"], seen.stderr
