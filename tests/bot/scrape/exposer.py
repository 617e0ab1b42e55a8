"""A real HTTP server that exposes metrics, as well or as badly as a test wants."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Exposer:
    """Answers `/metrics` by `handler`. Without one it exposes `registry` as its client does."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    handler: Handler | None = None
    address: str = ""
    asked: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        handler = self.handler or make_aiohttp_handler(self.registry)
        return await handler(request)

    def says(self, text: str | bytes, *, packed: bool = False, **headers: str) -> None:
        """Answer with this text from now on."""
        body = text.encode() if isinstance(text, str) else text
        head = {"Content-Encoding": "gzip", **headers} if packed else headers

        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=gzip.compress(body) if packed else body, headers=head)

        self.handler = answer

    def fails(self, status: int, **headers: str) -> None:
        """Answer with this status from now on."""

        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status, headers=headers)

        self.handler = answer

    def hangs(self) -> None:
        """Answer too late from now on."""

        async def answer(_: web.Request) -> web.Response:
            await asyncio.sleep(60)
            return web.Response()

        self.handler = answer


@asynccontextmanager
async def exposing(context: ssl.SSLContext | None = None) -> AsyncIterator[Exposer]:
    """Serve on a free port of this machine; with a context by HTTPS."""
    exposer = Exposer()
    app = web.Application()
    app.router.add_get("/{path:.*}", exposer.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    host, port = runner.addresses[0][:2]
    exposer.address = f"{host}:{port}"
    try:
        yield exposer
    finally:
        await runner.cleanup()
