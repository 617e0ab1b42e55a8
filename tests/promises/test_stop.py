"""SIGTERM under load: nothing more is taken, what is in flight lands, nothing lost or doubled."""

import asyncio
import signal
import time
from collections import Counter

from tests.promises.conftest import Found
from tests.promises.tocsin import Tocsin, sample
from tests.promises.town import step, texts, town
from tests.vendors.process import Remote

LEAVE = 0.5
"""Seconds that requests begun around the signal may still be answered in."""
OWED = "select count(*) from outbox where status = 'waiting'"


async def flood(tocsin: Tocsin, answers: list[tuple[str, float, int]]) -> None:
    """Tell of a new host again and again until nobody is there; note (host, begun, status)."""
    for number in range(10_000):
        began = time.monotonic()
        status = await tocsin.send([sample("level", 95, instance=f"host-{number}")])
        answers.append((f"host-{number}", began, status))
        if status == 0:
            return
        await asyncio.sleep(0.02)


async def test_sigterm_under_load_loses_and_doubles_nothing(found: Found, twilio: Remote) -> None:
    tocsin = found(town(twilio, steps=[step("ada", 0), step("ben", 2)]))
    await tocsin.start()
    await twilio.ask("latency", seconds=1.0)
    answers: list[tuple[str, float, int]] = []
    flooding = asyncio.create_task(flood(tocsin, answers))
    await twilio.ask("wait", method="Messages.create", calls=8, within=15)
    told = time.monotonic()
    tocsin.signal(signal.SIGTERM)
    assert await tocsin.ended(within=30) == 0
    await flooding
    taken = {host for host, _, status in answers if 200 <= status < 300}
    assert len(taken) >= 8
    assert {status for _, began, status in answers if began > told + LEAVE} <= {503, 0}
    assert 503 in {status for _, _, status in answers}, "told to come again while it finishes"
    # What was on its way when the signal came has landed, and is known to have.
    arrived = await twilio.ask("messages")
    sent = tocsin.count("select count(*) from outbox where channel='sms' and provider_id <> ''")
    assert len(arrived) == sent >= 8
    assert tocsin.count("select count(*) from outbox where leased_until is not null") == 0

    await twilio.ask("latency", seconds=0.0)
    await tocsin.start()
    there = "select count(*) from incidents where status='triggered' and step=1"
    await tocsin.until(lambda: tocsin.count(there) >= len(taken), 30)
    await tocsin.until(lambda: not tocsin.count(OWED), 30)
    assert await tocsin.stop() == 0
    labels = " ".join(row["labels"] for row in tocsin.rows("select labels from alerts"))
    assert [host for host in taken if f'"{host}"' not in labels] == []
    pages = Counter((number, to) for number, to, asks, _ in texts(await twilio.ask("messages")))
    assert set(pages.values()) == {1}, "no page twice"
    assert len(pages) == 2 * tocsin.count("select count(*) from incidents")
