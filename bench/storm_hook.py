"""Who is told of the storm: a program that takes webhooks in Alertmanager's format, and counts.

    python -m bench.storm_hook PORT

`GET /` answers how many alerts all groups' newest notifications tell of (those that are left out of
one but counted in it are told of as well), how many notifications came, and when the first and the
last one did.
"""

import asyncio
import sys
import time

import orjson
from aiohttp import web


class Counter:
    """Counts what came."""

    def __init__(self) -> None:
        self.groups: dict[str, int] = {}
        self.calls = 0
        self.first = self.last = 0.0

    async def hear(self, request: web.Request) -> web.Response:
        """Take one notification."""
        told = orjson.loads(await request.read())
        count = len(told["alerts"]) + told["truncatedAlerts"]
        key = str(told["groupKey"])
        self.groups[key] = max(count, self.groups.get(key, 0))
        self.calls += 1
        self.last = time.monotonic()
        self.first = self.first or self.last
        return web.Response()

    async def tell(self, _: web.Request) -> web.Response:
        """Say how far it is."""
        told = {"alerts": sum(self.groups.values()), "groups": len(self.groups)}
        when = {"first": self.first, "last": self.last}
        return web.json_response({**told, **when, "calls": self.calls})

    async def forget(self, _: web.Request) -> web.Response:
        """Begin again."""
        self.__init__()  # type: ignore[misc]
        return web.Response()


async def serve(port: int) -> None:
    """Serve until the process ends."""
    counter, app = Counter(), web.Application(client_max_size=1 << 28)
    app.router.add_post("/", counter.hear)
    app.router.add_get("/", counter.tell)
    app.router.add_delete("/", counter.forget)
    app.router.add_get("/-/ready", lambda _: _ok())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def _ok() -> web.Response:
    return web.Response()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
