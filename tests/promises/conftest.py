"""Real processes for each test, and their logs where one fails."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.promises.tocsin import Json, Tocsin
from tests.promises.town import FULL, ROOM, SLACK_IDS
from tests.vendors.process import Remote, spawned

SHOWN = 3000
"""Characters of each log that a failure shows."""

Found = Callable[..., Tocsin]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=20)
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as opened:
        yield opened


@pytest.fixture
async def twilio() -> AsyncIterator[Remote]:
    async with spawned("twilio") as vendor:
        yield vendor


@asynccontextmanager
async def workspace() -> AsyncIterator[Remote]:
    """A Slack with our people and their room."""
    async with spawned("slack") as vendor:
        await vendor.ask("channel", id=ROOM, name="alarms")
        for name, id in SLACK_IDS.items():
            await vendor.ask("user", id=id, name=name)
        yield vendor


@pytest.fixture
async def slack() -> AsyncIterator[Remote]:
    async with workspace() as vendor:
        yield vendor


@pytest.fixture
async def found(tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[Found]:
    """Found an installation; it is killed at the end, and its log printed for a failure."""
    there: list[Tocsin] = []

    def make(config: Json, rules: Json = FULL, **more: Any) -> Tocsin:
        directory = tmp_path / f"tocsin-{len(there)}"
        there.append(Tocsin(directory, config, rules, session, **more))
        return there[-1]

    yield make
    for tocsin in there:
        await tocsin.kill()
        print(f"--- {tocsin.directory.name} ---\n{tocsin.log[-SHOWN:]}")
