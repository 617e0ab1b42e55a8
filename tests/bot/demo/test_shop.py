"""The shop: real answers, real trouble, and metrics that say so."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from bot.demo.counters import Counters
from bot.demo.pushing import Pusher
from bot.demo.shop import TOKEN_HEADER, Mood, Shop, application, customers
from storage.clock import SystemClock


@pytest.fixture
async def shop() -> AsyncIterator[tuple[Shop, Counters, str]]:
    counters = Counters()
    keeper = Shop(counters, lambda: 1000.0)
    runner = web.AppRunner(application(keeper, "token"), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield keeper, counters, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def answers(counters: Counters) -> dict[str, float]:
    return {
        entry["labels"]["code"]: entry["value"]
        for entry in counters.scrape(1.0)["samples"]
        if entry["name"] == "shop_requests_total"
    }


async def test_a_broken_shop_answers_with_errors(shop: tuple[Shop, Counters, str]) -> None:
    keeper, counters, address = shop
    async with aiohttp.ClientSession() as session:

        async def visit() -> int:
            async with session.get(f"{address}/goods") as answer:
                return answer.status

        well = await asyncio.gather(*(visit() for _ in range(20)))
        keeper.become(Mood.ERRORS)
        broken = await asyncio.gather(*(visit() for _ in range(40)))
    assert set(well) == {200}
    assert set(broken) == {200, 500}
    assert answers(counters) == {"200": 20 + broken.count(200), "500": broken.count(500)}


async def test_a_slow_shop_is_slow(shop: tuple[Shop, Counters, str]) -> None:
    keeper, counters, address = shop
    keeper.become(Mood.SLOW)
    async with aiohttp.ClientSession() as session, session.get(f"{address}/pay") as answer:
        assert answer.status == 200
    below = {
        entry["labels"]["le"]: entry["value"]
        for entry in counters.scrape(1.0)["samples"]
        if entry["name"] == "shop_request_seconds_bucket"
    }
    assert (below["0.5"], below["+Inf"]) == (0, 1)


async def test_the_switch_needs_its_token(shop: tuple[Shop, Counters, str]) -> None:
    keeper, _, address = shop
    switch, right = f"{address}/-/switch", {TOKEN_HEADER: "token"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{switch}?mood=slow") as refused:
            assert refused.status == 403
        async with session.post(f"{switch}?mood=odd", headers=right) as odd:
            assert odd.status == 400
        async with session.post(f"{switch}?mood=slow", headers=right) as done:
            assert await done.json() == {"mood": "slow", "broke_at": 1000.0, "mended_at": 0.0}
        async with session.post(f"{switch}?mood=well", headers=right) as done:
            assert (await done.json())["mended_at"] == 1000.0
    assert keeper.mood is Mood.WELL


async def test_customers_come_by_themselves(shop: tuple[Shop, Counters, str]) -> None:
    _, counters, address = shop
    visiting = asyncio.create_task(customers(address, visits_a_second=200.0))
    while answers(counters)["200"] < 10:
        await asyncio.sleep(0.01)
    visiting.cancel()
    await asyncio.gather(visiting, return_exceptions=True)


async def test_what_nobody_took_is_sent_again_in_order() -> None:
    taken: list[float] = []
    statuses = iter([503, 429, 204, 400])

    async def take(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer token"
        status = next(statuses, 204)
        if status == 204:
            taken.append((await request.json())["at"])
        return web.Response(status=status)

    numbers = iter(range(1000))
    app = web.Application()
    app.router.add_post("/in", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    pusher = Pusher(address, "token", lambda _: {"at": next(numbers)}, SystemClock())
    pushing = asyncio.create_task(pusher.run())
    while len(taken) < 2:
        await asyncio.sleep(0.01)
    pushing.cancel()
    await asyncio.gather(pushing, return_exceptions=True)
    await runner.cleanup()
    assert taken == [0, 2]
