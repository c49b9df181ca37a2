"""What a plan asks of an engine without the SDK, and when it leaves that to the SDK after all."""

import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from modelyard.targets.docker.engine import Engine
from modelyard.targets.docker.engine_socket import EngineSocket

CONTAINER = {"Id": "abc", "Labels": {"dev.modelyard.project": "p"}}
IMAGE = {"Id": "sha256:1", "Size": 7}


class Answering:
    """An engine's socket: each question is kept, and answered by `reply`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[str] = []
        self.status, self.api, self.body = 200, "1.41", b"[]"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def says(self, body: Any, status: int = 200, api: str = "1.41") -> None:
        self.status, self.api, self.body = status, api, json.dumps(body).encode()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(65536).split()[1].decode())
                connection.sendall(f"HTTP/1.0 {self.status} X\r\nApi-Version: {self.api}\r\n\r\n".encode() + self.body)


class Sdk:
    """The SDK's client, as far as it is asked."""

    def containers(self, **asked: Any) -> list[str]:
        return ["from the SDK"]

    def inspect_image(self, name: str) -> dict[str, Any]:
        return {"Id": "from the SDK"}


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """DOCKER_HOST names it."""
    answering = Answering(tmp_path / "engine.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{answering.path}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    yield answering
    answering.close()


def no_sdk() -> Engine:
    raise AssertionError("the SDK was asked for")


def test_containers_are_listed_without_the_sdk(at: Answering) -> None:
    at.says([CONTAINER])
    filters = {"label": ["dev.modelyard.root=/home/a b/ü"]}
    assert EngineSocket(None, no_sdk).containers(all=True, filters=filters) == [CONTAINER]
    asked = urlsplit(at.asked[0])
    assert asked.path == "/containers/json"
    assert parse_qs(asked.query)["all"] == ["1"]
    assert json.loads(parse_qs(asked.query)["filters"][0]) == filters


def test_an_image_is_told_of_by_its_name_and_none_where_it_is_gone(at: Answering) -> None:
    look = EngineSocket(None, no_sdk)
    at.says(IMAGE)
    assert look.has_image("registry.example.com/team/p-serving:1") == IMAGE
    assert unquote(at.asked[0]) == "/images/registry.example.com/team/p-serving:1/json"
    at.says({"message": "no such image"}, status=404)
    assert look.has_image("p-serving:1") is None


@pytest.mark.parametrize(
    "said",
    [{"body": [], "api": "1.40"}, {"body": {"message": "?"}, "status": 500}, {"body": "something else"}],
    ids=["an old engine", "a refusal", "another answer"],
)
def test_what_is_not_as_it_should_be_is_left_to_the_sdk(at: Answering, said: Any) -> None:
    at.says(**said)
    look = EngineSocket(None, lambda: Engine(Sdk()))
    assert look.containers() == ["from the SDK"]
    assert look.has_image("p:1") == {"Id": "from the SDK"}


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2376", "ssh://me@there", "unix:///nowhere/docker.sock"])
def test_an_engine_that_is_no_socket_here_is_left_to_the_sdk(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert EngineSocket(None, lambda: Engine(Sdk())).containers() == ["from the SDK"]


def test_a_context_goes_before_docker_host(at: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "contexts" / "meta" / hashlib.sha256(b"desktop").hexdigest()
    folder.mkdir(parents=True)
    endpoint = {"Host": f"unix://{at.path}"}
    (folder / "meta.json").write_text(json.dumps({"Name": "desktop", "Endpoints": {"docker": endpoint}}))
    at.says([CONTAINER])
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2376")
    assert EngineSocket("desktop", no_sdk).containers() == [CONTAINER]
    monkeypatch.delenv("DOCKER_HOST")
    (tmp_path / "config.json").write_text('{"currentContext": "desktop"}')
    assert EngineSocket(None, no_sdk).containers() == [CONTAINER]


def test_a_plan_imports_nothing_that_only_an_apply_needs() -> None:
    heavy = ("docker", "requests", "http.client", "subprocess", "packaging", "filelock", "jinja2", "yaml")
    program = f"import sys, modelyard.targets.compose.target; print([one for one in {heavy} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
