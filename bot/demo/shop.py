"""A small web shop: real HTTP on loopback, real customers, and a way to break it for real."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.demo.counters import Counters
from bot.demo.family import until_orphaned
from bot.demo.pushing import Pusher
from storage.clock import SystemClock

VISITS_A_SECOND = 30.0
PAGES = ("/", "/goods", "/basket", "/pay")
TOKEN_HEADER = "X-Demo-Token"
PATIENCE = 10.0


class Mood(StrEnum):
    """How the shop answers."""

    WELL = "well"
    ERRORS = "errors"
    SLOW = "slow"


class Shop:
    """The shop's pages, and its counters as any instrumented shop has them.

    broke_at, mended_at: Unix seconds; 0.0 before the first time.
    """

    def __init__(self, counters: Counters, now: Callable[[], float]) -> None:
        self.mood, self.broke_at, self.mended_at = Mood.WELL, 0.0, 0.0
        self._counters, self._now = counters, now
        self._random = random.Random(7)

    def become(self, mood: Mood) -> None:
        """Break in this way, or mend."""
        if mood is Mood.WELL and self.mood is not Mood.WELL:
            self.mended_at = self._now()
        elif mood is not Mood.WELL and self.mood is Mood.WELL:
            self.broke_at = self._now()
        self.mood = mood

    async def page(self, _request: web.Request) -> web.Response:
        """Answer a customer: some milliseconds of work, or trouble."""
        loop = asyncio.get_running_loop()
        began, status = loop.time(), 200
        await asyncio.sleep(self._work())
        if self.mood is Mood.ERRORS and self._random.random() < 0.6:
            status = 500
        self._counters.answered(status, loop.time() - began)
        return web.Response(status=status, text="a page\n" if status == 200 else "broken\n")

    def _work(self) -> float:
        """Return how long an answer takes, in seconds: a long tail, as in life."""
        usual = min(0.35, self._random.lognormvariate(-3.6, 0.55))
        return usual + self._random.uniform(0.7, 1.6) if self.mood is Mood.SLOW else usual

    def state(self) -> dict[str, Any]:
        """Tell how it stands, JSON-ready."""
        return {"mood": self.mood, "broke_at": self.broke_at, "mended_at": self.mended_at}


def application(shop: Shop, token: str) -> web.Application:
    """Return the shop's web application; its switch needs the token."""

    async def switch(request: web.Request) -> web.Response:
        if request.headers.get(TOKEN_HEADER) != token:
            raise web.HTTPForbidden(text="only the demo's own page may do this\n")
        if request.method == "POST":
            mood = request.query.get("mood", "")
            if mood not in set(Mood):
                raise web.HTTPBadRequest(text=f"mood: one of {', '.join(Mood)}\n")
            shop.become(Mood(mood))
        return web.json_response(shop.state())

    application = web.Application()
    application.router.add_get("/-/switch", switch)
    application.router.add_post("/-/switch", switch)
    for page in PAGES:
        application.router.add_get(page, shop.page)
    return application


async def customers(address: str, visits_a_second: float = VISITS_A_SECOND) -> None:
    """Visit the shop for ever, at random moments, as people do: they do not wait for each other."""
    chance, visits = random.Random(11), set[asyncio.Task[None]]()
    connector = aiohttp.TCPConnector(limit=200)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        while True:
            visit = asyncio.create_task(_visit(session, address + chance.choice(PAGES)))
            visits.add(visit)
            visit.add_done_callback(visits.discard)
            await asyncio.sleep(chance.expovariate(visits_a_second))


async def _visit(session: aiohttp.ClientSession, address: str) -> None:
    with suppress(aiohttp.ClientError, TimeoutError):
        async with session.get(address) as answer:
            await answer.read()


async def run(place: Path, ingest: str, ingest_token: str, token: str, parent: int) -> None:
    """Keep the shop until SIGTERM, or until whoever started it is gone.

    place: a file that will hold the shop's address.  ingest: where its metrics are pushed.
    parent: the process that started us.
    """
    clock = SystemClock()
    counters = Counters()
    shop = Shop(counters, lambda: clock.utc_now().timestamp())
    runner = web.AppRunner(application(shop, token), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    _write(place, address)
    pusher = Pusher(ingest, ingest_token, counters.scrape, clock)
    work: tuple[Awaitable[None], ...] = (customers(address), pusher.run(), until_orphaned(parent))
    await _first_of(work)
    await runner.cleanup()


async def _first_of(work: tuple[Awaitable[None], ...]) -> None:
    """Wait until one ends or SIGTERM comes, then end the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    tasks.append(asyncio.ensure_future(_wait(stopped)))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _write(place: Path, address: str) -> None:
    """Write whole or not at all: the engine may read at any moment."""
    beside = place.with_suffix(".new")
    beside.write_text(json.dumps({"address": address}))
    beside.replace(place)


def main() -> None:
    """Run as a process: the supervisor hands everything over by arguments and environment."""
    place, ingest = sys.argv[1:3]
    secrets = os.environ["TOCSIN_DEMO_INGEST_TOKEN"], os.environ["TOCSIN_DEMO_TOKEN"]
    parent = int(os.environ["TOCSIN_DEMO_PARENT"])
    asyncio.run(run(Path(place), ingest, *secrets, parent=parent))


if __name__ == "__main__":
    main()
