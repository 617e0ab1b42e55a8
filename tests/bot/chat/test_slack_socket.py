"""The line to Slack comes back by itself, and nothing is done twice meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat import slack_socket
from storage.model.incident import Status
from tests.bot.chat.slack_office import Office, office
from tests.vendors.faults import Failure, Fault
from tests.vendors.slack_socket import Sockets


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    # Ten times as impatient as the product, so that the tests need not be patient.
    for name, seconds in {"PING": 0.2, "LOOK": 0.05, "GRACE": 0.5, "PATIENCE": 1.0}.items():
        monkeypatch.setattr(slack_socket, name, seconds)
    monkeypatch.setattr(slack_socket, "PAUSES", (0.1, 0.2))
    async with office(tmp_path) as made:
        yield made


async def back(place: Office) -> None:
    """Wait until a person is heard again."""
    async with asyncio.timeout(10.0):
        while True:
            asked = await place.server.command("/tocsin", "alerts")
            try:
                await asked.ack(within=0.3)
            except TimeoutError:
                continue
            await asked.reply()
            return


async def taken(place: Office) -> int:
    return sum(fact.startswith("acknowledged by") for fact in await place.town.facts())


@pytest.mark.parametrize("gap", ["cut", "half_open"])
async def test_a_press_in_the_gap_fails_visibly_and_the_next_counts_once(
    place: Office, gap: str
) -> None:
    top = await place.fire()
    getattr(place.server, gap)()
    lost = await place.server.press("C1", top.ts, "ack")
    await back(place)
    assert lost.failed or not lost.acks
    assert (await place.town.incident()).status is Status.TRIGGERED
    await place.press("ack", ts=top.ts)
    await place.server.redeliver(lost)
    await lost.ack()
    assert await taken(place) == 1


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_slack_asks_for_a_new_line(place: Office, reason: str) -> None:
    top = await place.fire()
    before = place.server.sockets.opened
    await place.server.disconnect(reason)
    await place.server.until(lambda: place.server.sockets.opened > before)
    await back(place)
    await place.press("ack", ts=top.ts)
    assert await taken(place) == 1
    assert not place.server.sockets.stray_acks


async def test_slack_away_for_a_while(place: Office) -> None:
    await place.server.down()
    await place.server.until(lambda: not place.server.sockets.wires)
    async with asyncio.timeout(5.0):
        while not place.mouth.problem:
            await asyncio.sleep(0.05)
    await place.server.up()
    await back(place)
    assert place.mouth.problem == ""


async def test_a_start_while_slack_is_away_waits_for_nobody(place: Office) -> None:
    await place.mouth.stop()
    await place.server.down()
    late = place.another_mouth()
    await late.start()
    async with asyncio.timeout(5.0):
        while "cannot be reached" not in late.problem:
            await asyncio.sleep(0.02)
    await place.server.up()
    await back(place)
    await late.stop()


async def test_an_address_that_went_stale_is_asked_for_anew(place: Office) -> None:
    """slack_sdk alone would try the used ticket for ever."""
    opened = place.server.sockets.opened
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sockets, "ticket", lambda _: "used-up")
        place.server.cut()
        calls = place.server.calls
        await place.server.until(lambda: len(calls("apps.connections.open")) >= 3, within=10.0)
        assert place.server.sockets.opened == opened
    await back(place)


async def test_a_wrong_token_is_said_and_not_hammered(place: Office) -> None:
    await place.mouth.stop()
    place.server.faults.add(
        Fault(failure=Failure.ERROR, method="apps.connections.open", error="invalid_auth")
    )
    before = len(place.server.calls("apps.connections.open"))
    late = place.another_mouth()
    await late.start()
    async with asyncio.timeout(5.0):
        while "invalid_auth" not in late.problem:
            await asyncio.sleep(0.02)
    assert "channels.slack.app_token" in late.problem
    assert "xapp" not in late.problem
    assert len(place.server.calls("apps.connections.open")) == before + 1
    await late.stop()
