"""Duplicated, shuffled and late: hundreds of troubles are as many incidents, told once each."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import aiohttp
import pytest

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin
from tests.promises.town import EDGE, step, town
from tests.vendors.process import Remote

COUNT, ROOMS, BATCH, SENDERS = 1_000, 50, 25, 4
ENDED = COUNT // 4
"""So many end; each end is told by itself, and a late word says once more that they fire."""
PATIENCE = 120.0


def room(number: int) -> str:
    return f"C0STORM{number % ROOMS:03}"


def crowd(twilio: Remote, slack: Remote) -> Json:
    """Each alert its own incident; many rooms, for one takes a message a second."""
    config = town(twilio, slack, [step("ada", 0, "slack"), step("ben", 3600)])
    default = config["policies"]["default"] | {"group_interval": "1s"}
    for number in range(ROOMS):
        config["policies"][room(number)] = default | {"rooms": [{"slack": room(number)}]}
    config["routes"] = [
        {
            "policy": room(number),
            "match": [f'room="{room(number)}"'],
            "group_by": ["alertname", "number"],
        }
        for number in range(ROOMS)
    ]
    return config


def told(number: int, began: datetime, ended: datetime | None = None) -> Json:
    labels = {"alertname": "Storm", "number": f"{number:04}", "room": room(number)}
    alert: Json = {"labels": labels | {"severity": "warning"}, "startsAt": began.isoformat()}
    return alert if ended is None else alert | {"endsAt": ended.isoformat()}


async def send(url: str, batches: list[list[Json]]) -> None:
    """Send by several connections at once; what is refused for the moment comes again."""
    waiting = iter(batches)

    async def work(session: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {EDGE}"}
        for batch in waiting:
            status = 0
            while status != 200:
                async with session.post(
                    f"{url}/api/v2/alerts", json=batch, headers=headers
                ) as answer:
                    status = answer.status
                    assert status in (200, 429, 503), await answer.text()
                if status != 200:
                    await asyncio.sleep(float(answer.headers["Retry-After"]))

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(work(session) for _ in range(SENDERS)))


def batches(alerts: list[Json], chance: Random) -> list[list[Json]]:
    chance.shuffle(alerts)
    return [alerts[start : start + BATCH] for start in range(0, len(alerts), BATCH)]


async def numbers(slack: Remote) -> Counter[str]:
    """How many top messages there are of each incident's alert."""
    messages: list[dict[str, Any]] = await slack.ask("messages")
    found = (str(it).partition("number=")[2][:4] for it in messages)
    return Counter(it for it in found if it)


@pytest.mark.timeout(300)
async def test_hundreds_of_troubles_are_told_once_each(
    found: Found, twilio: Remote, slack: Remote
) -> None:
    for number in range(ROOMS):
        await slack.ask("channel", id=room(number), name=room(number).lower())
    await slack.ask("limits", enforced=False)
    tocsin = found(crowd(twilio, slack))
    await tocsin.start()
    chance, now = Random(29), datetime.now(UTC)
    began = now - timedelta(minutes=10)
    fires = [told(number, began) for number in range(COUNT)]
    await send(tocsin.url, batches(fires * 2, chance))
    assert tocsin.count("select count(*) from incidents") == COUNT

    await slack.ask("wait", method="chat.postMessage", calls=COUNT, within=PATIENCE)
    over = [told(number, began, now) for number in range(ENDED)]
    await send(tocsin.url, batches(over * 2, chance))
    resolved = "select count(*) from incidents where status = 'resolved'"
    await tocsin.until(lambda: tocsin.count(resolved) == ENDED, PATIENCE)
    await send(tocsin.url, batches(fires[:ENDED], chance))
    await is_quiet(tocsin)
    assert tocsin.count(resolved) == ENDED, "a late word opens nothing again"
    assert tocsin.count("select count(*) from incidents") == COUNT
    assert set((await numbers(slack)).values()) == {1}


async def is_quiet(tocsin: Tocsin) -> None:
    """Wait until nothing is owed any more."""
    waiting = "select count(*) from outbox where status = 'waiting' and attempts = 0"
    await tocsin.until(lambda: tocsin.count(waiting) == 0, PATIENCE, pause=0.5)
