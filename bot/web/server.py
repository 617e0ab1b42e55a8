"""One Starlette application on uvicorn; the one table of errors and their HTTP status."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.ingest.format import BadPayload, TooLarge
from bot.web import (
    answer_links,
    api,
    api_alertmanager,
    api_prometheus,
    doors,
    heartbeats,
    incident_alerts,
    ingest,
    pages,
    reload,
    twilio,
    why,
)
from bot.web.auth import is_loopback
from bot.web.headers import SafeHeaders
from bot.web.parts import Parts
from storage.errors import (
    BotError,
    ConfigError,
    MetricsUnavailable,
    NotAllowed,
    QueryError,
    StaleIncident,
    StorageUnavailable,
    UnknownHeartbeat,
    UnknownIncident,
)

log = structlog.get_logger(__name__)

STATUS: Mapping[type[BotError], int] = {
    TooLarge: 413,
    BadPayload: 400,
    UnknownHeartbeat: 404,
    QueryError: 400,
    NotAllowed: 403,
    UnknownIncident: 404,
    StaleIncident: 409,
    StorageUnavailable: 503,
    MetricsUnavailable: 503,
}
RETRY_AFTER = {503: "5", 429: "1"}


def build(parts: Parts) -> Starlette:
    """Return the application: ingest, API, health, own metrics, and on loopback the console."""
    watch = Watch(parts)
    routes: list[BaseRoute] = [
        *(ingest.routes(parts) if parts.takes_samples else ()),
        *doors.routes(parts),
        *api_alertmanager.routes(parts),
        *heartbeats.routes(parts),
        Route("/-/healthy", watch.healthy),
        Route("/-/ready", watch.ready),
        Route("/metrics", watch.metrics),
        *api.routes(parts),
        *why.routes(parts),
        *reload.routes(parts),
        *api_prometheus.routes(parts),
        *answer_links.routes(parts),
        *twilio.routes(parts),
        *parts.more_routes,
    ]
    if parts.console is not None and is_loopback(parts.listens_on):
        routes += [*incident_alerts.routes(parts), *pages.routes(parts, parts.console)]
    return Starlette(
        routes=routes,
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={
            BotError: _told,
            HTTPException: _refused,
            Exception: _broken,
        },
    )


class Watch:
    """What those who watch us ask."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def healthy(self, _request: Request) -> Response:
        """Answer 200 while everything turns, else 503 with what stands still."""
        return _verdict(self._parts.troubles(), "healthy")

    async def ready(self, _request: Request) -> Response:
        """Answer 200 when requests can be served, else 503 with what is missing."""
        return _verdict(self._parts.not_ready(), "ready")

    async def metrics(self, _request: Request) -> Response:
        """Answer Tocsin's own metrics."""
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(self._parts.metrics(), headers={"Content-Type": kind})


def _verdict(faults: tuple[str, ...], word: str) -> Response:
    text = "".join(f"{fault}\n" for fault in faults)
    return PlainTextResponse(text or f"{word}\n", status_code=503 if faults else 200)


def status_of(error: BotError) -> int:
    """Return the HTTP status of an error; of the nearest of its kinds that the table knows."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def _answer(
    request: Request, status: int, text: str, headers: Mapping[str, str] | None = None
) -> Response:
    more = {"Retry-After": RETRY_AFTER[status]} if status in RETRY_AFTER else {}
    if status in (408, 413):
        # What is left of the body is not read; the connection is of no more use.
        more["Connection"] = "close"
    more |= headers or {}
    fault = getattr(request.state, "fault", None)
    if isinstance(fault, ingest.Fault):
        more["Content-Type"] = fault.kind
        return Response(fault.body(status, text), status_code=status, headers=more)
    return JSONResponse({"error": text}, status_code=status, headers=more)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, BotError)
    status = status_of(error)
    if status >= 500:
        log.warning("request failed", status=status, error=str(error))
    return _answer(request, status, str(error))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and request.url.path.startswith("/api/v1/"):
        # Whoever speaks Prometheus' API there reads its errors in its own form.
        text = f"{request.url.path} is not answered here; docs/prometheus-api.md lists what is"
        told = {"status": "error", "errorType": "not_found", "error": text}
        return JSONResponse(told, status_code=404)
    return _answer(request, error.status_code, error.detail, error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    # The path is told, the query is not: people put secrets there.
    log.error("request broke", path=request.url.path, exc_info=error)
    return _answer(request, 500, "something broke here; the log knows more")


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to those who started us."""
        yield


class Server:
    """The application on a listening socket.

    port: 0 takes any that is free; `port` tells which after `start`.
    """

    def __init__(self, parts: Parts, *, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._parts = parts
        config = uvicorn.Config(
            build(parts),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=10,
            backlog=512,
        )
        self._server = _Uvicorn(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen and serve; raises ConfigError where the address cannot be had."""
        listening = self._listen()
        self.port = listening.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]), name="web")
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # The protocol is said: asyncio sends without delay only where it knows that it is TCP.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self.host, self.port))
        except OSError as error:
            listening.close()
            raise ConfigError(f"cannot listen on {self.host}:{self.port}: {error}") from error
        return listening

    async def stop(self) -> None:
        """Take no new connection, finish what is in flight, end what streams."""
        if self._serving is None:
            return
        if self._parts.console is not None:
            self._parts.console.end_streams()
        self._server.should_exit = True
        await self._serving
        self._serving = None
