"""`modelyard build`, as far as no engine is needed."""

import pytest
from click.testing import CliRunner

from modelyard.cli.group import cli

SPEC = """
version: 1
project: p
steps: {a: {run: [/bin/true]}}
environments:
  here: {target: local}
  staging: {target: compose}
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlops.yaml").write_text(SPEC)
    return lambda *arguments: CliRunner().invoke(cli, ["build", *arguments], standalone_mode=False)


def test_a_target_without_images_says_so(build):
    error = build("-e", "here").exception
    assert (error.code, "runs no images" in error.what) == ("no-images", True)


def test_a_push_wants_a_registry_before_anything_is_built(build, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    error = build("-e", "staging", "--push").exception
    assert (error.code, "registry" in error.fix) == ("no-registry-named", True)


def test_no_engine_is_said(build, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert build("-e", "staging").exception.code == "no-engine"
