"""A web server on 127.0.0.1 that can vanish, come back on the same port, and cut wires."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable

from aiohttp import web


class Pulse:
    """Wakes everyone who waits whenever something has happened."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        """Wake the waiting; each looks for itself whether it was its turn."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def until(self, true: Callable[[], object], within: float, what: str) -> None:
        """Return as soon as `true()` holds; raise TimeoutError naming `what` after `within` s."""
        deadline = time.monotonic() + within
        while not true():
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                await asyncio.wait_for(waiter, deadline - time.monotonic())
            except TimeoutError:
                if not true():
                    raise TimeoutError(f"{what}: not within {within:g} s") from None
            finally:
                self._waiting.discard(waiter)


class Loopback:
    """One port of 127.0.0.1.

    While it is down the port stays ours, bound but not listening, so that a caller is refused
    and no other program takes the place.
    """

    def __init__(self, app: web.Application, port: int = 0) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._socket = _bound(port)
        self._site: web.SockSite | None = None
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Start to serve."""
        await self._runner.setup()
        await self.up()

    async def up(self) -> None:
        """Listen (again); nothing happens when it already does."""
        if self._site is None:
            self._site = web.SockSite(self._runner, self._socket)
            await self._site.start()

    async def down(self) -> None:
        """Refuse new connections and cut the present ones, as a dead host does."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
            self.cut()
            self._socket = _bound(self.port)

    def cut(self) -> None:
        """Reset every open connection."""
        server = self._runner.server
        for connection in list(server.connections) if server is not None else []:
            reset(connection.transport)

    async def close(self) -> None:
        """Stop for good."""
        self.cut()
        await self._runner.cleanup()
        self._socket.close()


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Abort a connection with RST, so that the far side sees a failure and not a clean end."""
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made
