"""The ASGI application: routes, the border around them, and what lives as long as the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from modelyard.errors import ModelyardError
from modelyard.serving.answers import predict
from modelyard.serving.channel import Channel
from modelyard.serving.guard import Border, on_failure, on_http_error, on_mistake
from modelyard.serving.predictions import PredictionLog
from modelyard.serving.protocol import protocol_routes
from modelyard.serving.settings import ServerSettings
from modelyard.serving.telemetry import CONTENT_TYPE_LATEST, Telemetry

_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src blob: data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
}


def make_app(settings: ServerSettings, channel: Channel, log: PredictionLog) -> Starlette:
    """`channel` loads when the application starts, and follows its reference until it stops."""
    telemetry = Telemetry()
    channel.on_load = telemetry.loaded
    log.on_write = telemetry.log_written

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        log.start()
        await asyncio.to_thread(channel.refresh)
        following = asyncio.create_task(channel.follow())
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            await asyncio.to_thread(log.close)

    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/predict", predict, methods=["POST"]),
            Route("/metrics", _metrics),
            *protocol_routes(),
        ],
        middleware=[Middleware(Border, tokens=settings.tokens, telemetry=telemetry)],
        exception_handlers={ModelyardError: on_mistake, HTTPException: on_http_error, Exception: on_failure},
        lifespan=lifespan,
    )
    app.state.settings, app.state.channel, app.state.log, app.state.telemetry = settings, channel, log, telemetry
    return app


async def _page(request: Request) -> Response:
    return HTMLResponse(files("modelyard.serving").joinpath("page.html").read_text("utf-8"), headers=_PAGE_HEADERS)


async def _metrics(request: Request) -> Response:
    return Response(request.app.state.telemetry.render(), media_type=CONTENT_TYPE_LATEST)
