"""The heartbeat calls only while nothing stands still, and never tells its address."""

import io
from collections.abc import AsyncIterator
from contextlib import redirect_stdout

import pytest
from aiohttp import web

from bot.heartbeat import Heartbeat


class Outside:
    """An outside monitor on loopback: counts calls, answers with `status`."""

    calls = 0
    status = 200
    url = ""


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    seen = Outside()

    async def ping(_: web.Request) -> web.Response:
        seen.calls += 1
        return web.Response(status=seen.status)

    app = web.Application()
    app.router.add_get("/ping/secret-token", ping)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    seen.url = f"http://127.0.0.1:{port}/ping/secret-token"
    yield seen
    await runner.cleanup()


async def test_it_beats_while_everything_turns(outside: Outside) -> None:
    assert await Heartbeat(outside.url, lambda: ()).beat()
    assert outside.calls == 1


async def test_it_is_silent_while_something_stands_still(outside: Outside) -> None:
    assert not await Heartbeat(outside.url, lambda: ("the sender is stuck",)).beat()
    assert outside.calls == 0


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_refusal_is_a_failure_and_hides_the_address(outside: Outside, status: int) -> None:
    outside.status = status
    told = io.StringIO()
    with redirect_stdout(told):
        assert not await Heartbeat(outside.url, lambda: ()).beat()
    assert "secret-token" not in told.getvalue()


async def test_nobody_there_is_a_failure() -> None:
    assert not await Heartbeat("http://127.0.0.1:1/x", lambda: ()).beat()
