"""Held by stdin: what comes on it, and that the end of it is the end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from documents import task_document
from modelyard.graph.model import Node
from modelyard.runtime.leash import take_variables
from watching import eventually, with_marker

HANG = "import time; time.sleep(600)"


@pytest.fixture
def marker() -> str:
    return uuid4().hex


@pytest.fixture
def held(tmp_path: Path, marker: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A runtime on a leash, with a step that hangs."""
    config = {"run": ["python", "-c", HANG, marker], "env": {"K": "${secret.KEY}"}}
    document = task_document(tmp_path, Node("steps.job", "command", config=config, outputs=("out",)))
    path = tmp_path / "node.json"
    path.write_text(json.dumps(document.to_json(), default=dict))
    env = {**os.environ, "MODELYARD_LEASH": "stdin", "MODELYARD_GRACE": "1", "KEY": "before"}
    argv = [sys.executable, "-m", "modelyard.runtime", str(path)]
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_the_end_of_stdin_ends_the_task(held: "subprocess.Popen[bytes]", marker: str) -> None:
    assert held.stdin is not None
    held.stdin.write(b'{"KEY": "v4lue"}\n')
    held.stdin.flush()
    eventually(lambda: with_marker(marker))
    held.stdin.close()
    assert held.wait(20) == 143
    assert not with_marker(marker)


def test_whoever_goes_without_a_word_leaves_nothing(held: "subprocess.Popen[bytes]", marker: str) -> None:
    assert held.stdin is not None
    held.stdin.close()
    assert held.wait(20) != 0
    assert not with_marker(marker)


def test_a_secret_comes_on_stdin(held: "subprocess.Popen[bytes]", marker: str) -> None:
    assert held.stdin is not None
    held.stdin.write(b'{"KEY": "v4lue"}\n')
    held.stdin.flush()
    eventually(lambda: with_marker(marker))
    assert with_marker(marker)[0].environ()["K"] == "v4lue"
    held.stdin.close()


def test_variables_come_from_a_file_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://before")
    (tmp_path / "proxies").write_text('{"HTTP_PROXY": "http://proxy:3128"}')
    for named, found in ((tmp_path / "none", "http://before"), (Path(os.devnull), "http://before"),
                         (tmp_path / "proxies", "http://proxy:3128")):  # fmt: skip
        monkeypatch.setenv("MODELYARD_VARIABLES", str(named))
        take_variables()
        assert os.environ["HTTP_PROXY"] == found
        assert "MODELYARD_VARIABLES" not in os.environ, "a program of the user's need not know"
