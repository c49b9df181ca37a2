"""`serve` nodes: the process that listens, from start to a drained end."""

import asyncio
import contextlib
import errno
import json
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import uvicorn

from modelyard.errors import ModelyardError
from modelyard.serving.app import make_app
from modelyard.serving.channel import Channel
from modelyard.serving.door import borrow
from modelyard.serving.loading import Trees
from modelyard.serving.predictions import PredictionLog
from modelyard.serving.settings import DRAIN_SECONDS, ServerSettings
from modelyard.task import TaskDocument

_WORKERS = 8
_ACCEPTED = 0.05  # seconds until what the kernel has handed over has become a connection
_FIRST_REQUEST = 1.0  # seconds that a client which has connected is given to ask


class ServiceContext(Protocol):
    """What a server needs of `modelyard.steps.base.StepContext`, which this package does not import."""

    @property
    def document(self) -> TaskDocument: ...
    @property
    def address(self) -> str: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def inputs(self) -> Mapping[str, Path]: ...
    @property
    def root(self) -> Path: ...
    @property
    def workdir(self) -> Path: ...
    @property
    def store(self) -> Trees: ...
    @property
    def emit(self) -> Callable[[Mapping[str, Any]], None]: ...


def serve(ctx: ServiceContext) -> None:
    """Listen until SIGTERM or SIGINT, then answer what is under way and return. Raises ModelyardError."""
    settings = ServerSettings.read(ctx.address, ctx.config, ctx.root, ctx.workdir, ctx.document.settings)
    _log_through(ctx.emit)
    with _listen(settings) as listener, ThreadPoolExecutor(_WORKERS, "inference") as pool:
        channel = Channel(ctx.store, settings, pool, _given_version(ctx.inputs, settings, ctx.config.get("stage")))
        log = PredictionLog(settings.predictions, settings.sample, settings.hashed)
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        ctx.emit({"event": "listening", "url": url, "text": f"{settings.model} on {url}"})
        Server(uvicorn_config(make_app(settings, channel, log))).run(sockets=[listener])


def uvicorn_config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="on", limit_concurrency=1024,
        timeout_graceful_shutdown=int(DRAIN_SECONDS),
    )  # fmt: skip


class Server(uvicorn.Server):  # type: ignore[misc]
    """uvicorn raises the signal again once it has drained; here the service ends well when it was asked to.

    And it hangs up on a client that has connected and not asked yet: here that one is answered.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                # asyncio drops what it has accepted and not set up when its server is closed.
                with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
                    loop.remove_reader(listener.fileno())
        await asyncio.sleep(_ACCEPTED)
        for server in self.servers:
            server.close()
        ends = loop.time() + _FIRST_REQUEST
        while loop.time() < ends and any(one.cycle is None for one in self.server_state.connections):
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _given_version(inputs: Mapping[str, Path], settings: ServerSettings, stage: Any) -> dict[str, Any] | None:
    """The version that came with the graph, where it passed for the stage that is served."""
    if "version" not in inputs:
        return None
    try:
        record: dict[str, Any] = json.loads((inputs["version"] / "version.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelyardError(f"the version to serve cannot be read: {error}", code="bad-version") from error
    serves = settings.pinned or (stage or "production") in record.get("stages", ())
    return record if record.get("passed") and serves else None


def _listen(settings: ServerSettings) -> socket.socket:
    if settings.door is not None:
        return _borrow(settings)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        at = f"{settings.host}:{settings.port}"
        if error.errno == errno.EADDRINUSE:
            fix = f"stop what listens there, or give {settings.address} another port (0 takes a free one)"
            raise ModelyardError(f"port {at} is taken", address=settings.address, fix=fix, code="port-taken") from error
        what = f"cannot listen on {at}: {error.strerror or error}"
        raise ModelyardError(what, address=settings.address, code="cannot-listen") from error
    return listener


def _borrow(settings: ServerSettings) -> socket.socket:
    try:
        return borrow(settings.door or Path())
    except OSError as error:
        what = f"the door at {settings.door} lends no socket: {error.strerror or error}"
        raise ModelyardError(what, address=settings.address, code="cannot-listen") from error


class _Emitting(logging.Handler):
    def __init__(self, emit: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(logging.INFO)
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        kind = "warning" if record.levelno >= logging.WARNING else "note"
        text = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self._emit({"event": kind, "text": text})


def _log_through(emit: Callable[[Mapping[str, Any]], None]) -> None:
    for name in ("modelyard.serving", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [_Emitting(emit)]
        logger.setLevel(logging.INFO if name.startswith("modelyard") else logging.WARNING)
        logger.propagate = False
