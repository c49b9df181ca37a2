"""The border: who may ask, how much they may send, and errors as JSON."""

import hmac
import json
import logging
import math
import time
from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelyard.errors import ModelyardError
from modelyard.serving.settings import BODY_LIMIT
from modelyard.serving.telemetry import Telemetry

logger = logging.getLogger("modelyard.serving")
_STATUS = {"overloaded": 503, "not-ready": 503, "not-found": 404, "bad-model": 500, "bad-signature": 500}
_OPEN = ("/", "/v2/health", "/v2/health/live", "/v2/health/ready")


def json_response(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that every reader takes: what is not finite becomes null."""
    try:
        body = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode()
    except ValueError:
        body = json.dumps(_finite(data), allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(body, status, headers, "application/json")


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(item) for item in data] if isinstance(data, list | tuple) else data


def problem(
    what: str, status: int, *, code: str, fix: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    body = {"error": what, "code": code, **({"fix": fix} if fix else {})}
    return json_response(body, status, headers)


async def on_mistake(request: Request, error: Exception) -> Response:
    assert isinstance(error, ModelyardError)
    status = _STATUS.get(error.code, 400)
    headers = {"retry-after": "1"} if status == 503 else None
    return problem(error.what, status, code=error.code, fix=error.fix, headers=headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.detail, error.status_code, code="http", headers=dict(error.headers or {}))


async def on_failure(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem("the server failed to answer; its log says why", 500, code="internal")


class Border:
    """Counts and times each request, asks for the token, and stops bodies that are too large as they arrive."""

    def __init__(self, app: ASGIApp, tokens: Sequence[str], telemetry: Telemetry, limit: int = BODY_LIMIT) -> None:
        self.app = app
        self._tokens = [token.encode() for token in tokens]
        self._telemetry = telemetry
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._telemetry.in_flight.inc()
        try:
            refused = self._refuse(scope)
            if refused:
                await refused(scope, receive, watch)
            else:
                await self.app(scope, self._bounded(receive), watch)
        finally:
            self._telemetry.in_flight.dec()
            route = getattr(scope.get("route"), "path", "other")
            self._telemetry.requests.labels(route, str(status)).inc()
            self._telemetry.seconds.labels(route).observe(time.perf_counter() - started)

    def _refuse(self, scope: Scope) -> Response | None:
        headers = dict(scope["headers"])
        if self._tokens and scope["path"] not in _OPEN and not self._known(headers.get(b"authorization", b"")):
            fix = "send the header `Authorization: Bearer TOKEN`"
            challenge = {"www-authenticate": "Bearer"}
            return problem("a token is needed", 401, code="unauthorized", fix=fix, headers=challenge)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limit:
            return problem(_too_large(self._limit), 413, code="too-large")
        return None

    def _known(self, header: bytes) -> bool:
        scheme, _, given = header.partition(b" ")
        matches = [hmac.compare_digest(given.strip(), token) for token in self._tokens]  # all, in constant time
        return scheme.lower() == b"bearer" and any(matches)

    def _bounded(self, receive: Receive) -> Receive:
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(413, _too_large(self._limit))
            return message

        return bounded


def _too_large(limit: int) -> str:
    return f"the request is larger than {limit >> 20} MiB"
