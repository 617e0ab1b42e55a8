"""More alerts than can be put on disk: refused with a time to come back, and none lost that was
taken; the rest of it goes on."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import psutil
import pytest
from aiohttp import web

from tests.promises.conftest import Found
from tests.promises.test_outside import hooked
from tests.promises.tocsin import Json, Tocsin, sample
from tests.promises.town import EDGE, town
from tests.vendors.loopback import Loopback
from tests.vendors.process import Remote

FLOOD = 6.0
"""Seconds."""
SENDERS, BATCH, GROUPS = 48, 100, 20
CALM = 60.0
MOST_MIB = 512
ALIVE = 5.0
"""Seconds in which it says how it is, on a machine that the senders and other tests keep busy;
`bench.storm_flood` holds it to one."""
OTHER = "other-token-0123456789"


class Program:
    """Takes our webhooks; of each group the newest tells how many alerts it has."""

    def __init__(self) -> None:
        self.groups: dict[str, int] = {}
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/hook", self._take)
        self.door = Loopback(app)

    async def _take(self, request: web.Request) -> web.Response:
        told = json.loads(await request.read())
        self.groups[told["groupKey"]] = len(told["alerts"]) + told["truncatedAlerts"]
        return web.Response()

    @property
    def told(self) -> int:
        return sum(self.groups.values())


@dataclass
class Seen:
    """What the senders saw. taken: numbers of alerts; refused: by status; slowest: seconds."""

    taken: set[int] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)
    without_a_time: int = 0
    slowest: float = 0.0
    sizes: list[float] = field(default_factory=list)


@pytest.fixture
async def program() -> AsyncIterator[Program]:
    there = Program()
    await there.door.open()
    yield there
    await there.door.close()


def alert(number: int) -> Json:
    group = f"Flood{number % GROUPS}"
    labels = {"alertname": group, "severity": "info", "number": str(number)}
    return {"labels": labels, "annotations": {"summary": "x" * 200}, "status": "firing"}


Send = Callable[[aiohttp.ClientSession, str, list[int]], Awaitable[aiohttp.ClientResponse]]


async def by_alertmanagers_api(
    session: aiohttp.ClientSession, url: str, numbers: list[int]
) -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {EDGE}"}
    told = [alert(number) for number in numbers]
    return await session.post(f"{url}/api/v2/alerts", json=told, headers=headers)


async def by_webhook(
    session: aiohttp.ClientSession, url: str, numbers: list[int]
) -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {OTHER}"}
    told = {"version": "4", "alerts": [alert(number) for number in numbers]}
    return await session.post(f"{url}/webhooks/alertmanager", json=told, headers=headers)


async def flood(url: str, seen: Seen, first: int, send: Send) -> None:
    """Send one batch after the other as fast as it goes, whatever is answered."""
    end, number = time.monotonic() + FLOOD, first
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < end:
            numbers = list(range(number, number + BATCH))
            async with await send(session, url, numbers) as answer:
                await answer.read()
                if answer.status == 200:
                    seen.taken |= set(numbers)
                else:
                    seen.refused[answer.status] += 1
                    seen.without_a_time += "Retry-After" not in answer.headers
                    await asyncio.sleep(0.2)
            number += BATCH


async def flood_of_samples(url: str, seen: Seen) -> None:
    end, body = time.monotonic() + FLOOD, json.dumps([sample("level", 1.0, instance="a")])
    headers = {"Authorization": f"Bearer {OTHER}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < end:
            async with session.post(f"{url}/ingest/json", data=body, headers=headers) as answer:
                await answer.read()
                if answer.status >= 300:
                    seen.refused[answer.status] += 1
                    seen.without_a_time += "Retry-After" not in answer.headers


async def look(tocsin: Tocsin, seen: Seen) -> None:
    """Ask for its health, and weigh it, until cancelled."""
    process = psutil.Process(tocsin.pid)
    async with aiohttp.ClientSession() as session:
        while True:
            began = time.monotonic()
            async with session.get(f"{tocsin.url}/-/healthy") as answer:
                assert answer.status == 200, await answer.text()
            seen.slowest = max(seen.slowest, time.monotonic() - began)
            seen.sizes.append(process.memory_info().rss / (1 << 20))
            await asyncio.sleep(0.1)


async def test_a_flood_is_held_back_and_nothing_that_was_taken_is_lost(
    found: Found, twilio: Remote, program: Program
) -> None:
    config = hooked(town(twilio), program.door.url + "/hook", "127.0.0.1")
    config["sources"]["other"] = {"token": OTHER}
    config["policies"]["default"]["group_interval"] = "1s"
    config["routes"] = [{"policy": "default", "group_by": ["alertname"]}]
    tocsin, seen = found(config), Seen()
    await tocsin.start()
    looking = asyncio.create_task(look(tocsin, seen))
    ways = [by_alertmanagers_api, by_webhook]
    senders = [
        flood(tocsin.url, seen, it * 1_000_000, ways[it % len(ways)]) for it in range(2 * SENDERS)
    ]
    await asyncio.gather(*senders, flood_of_samples(tocsin.url, seen))
    over = time.monotonic()
    stored = "select count(*) from standing where status = 'firing'"
    assert tocsin.count(stored) >= len(seen.taken)
    kept = {
        int(json.loads(row[0]).get("number", -1))
        for row in tocsin.rows("select labels from standing")
    }
    assert seen.taken <= kept, "what was answered 200 is on disk"
    await tocsin.until(lambda: program.told >= len(kept), CALM)
    waiting = "select count(*) from outbox where status = 'waiting'"
    await tocsin.until(lambda: tocsin.count(waiting) == 0, CALM)
    calm = time.monotonic() - over
    looking.cancel()
    [end] = await asyncio.gather(looking, return_exceptions=True)
    assert isinstance(end, asyncio.CancelledError), end
    print(f"{len(seen.taken)} taken, {dict(seen.refused)} refused, calm after {calm:.1f} s,")
    print(f"health {seen.slowest:.2f} s at most, {max(seen.sizes):.0f} MiB at most")
    assert seen.refused.keys() <= {429, 503}
    assert seen.refused.total() > 0, "it was no flood"
    assert seen.without_a_time == 0
    assert max(seen.sizes) < MOST_MIB
    assert seen.slowest < ALIVE
    assert calm < CALM
