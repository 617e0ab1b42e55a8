"""In the lane of every channel what is critical overtakes what was there before it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config import channels
from routing.delivery import body
from routing.delivery.channel import Message
from routing.flow.deliver import Sender
from routing.flow.lanes import WIDER, WIDTH
from storage.model.alert import Severity
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.sql import outbox
from tests.fakes import RecordingChannel
from tests.routing.town import Town, town

NEWS = 40


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as place:
        yield place


def owed(place: Town, channel: str, number: int, severity: Severity) -> OutboxMessage:
    message = Message(purpose=Purpose.NOTICE, title=f"{severity} {number}", severity=severity)
    return OutboxMessage(
        id=OutboxId(0),
        key=f"{severity}/{number}",
        purpose=Purpose.NOTICE,
        severity=severity,
        incident=None,
        person=None,
        round=0,
        step=0,
        channel=channel,
        address="one address",
        body=body.write(message),
        not_before=place.clock.steady(),
        created_at=place.clock.utc_now(),
    )


@pytest.mark.parametrize("name", channels.names())
async def test_a_critical_goes_before_forty_that_wait(here: Town, name: str) -> None:
    kind, channel = channels.kind(name), RecordingChannel(name, here.clock)
    wired = {name: (kind, channel)}
    sender = Sender(here.database, here.clock, wired, here.playbook, here.wake, "lane")
    async with here.database.transaction() as tx:
        news = [owed(here, name, n, Severity.INFORMATIONAL) for n in range(NEWS)]
        await outbox.enqueue_many(tx, news)
    assert await sender.start_due()
    async with here.database.transaction() as tx:
        await outbox.enqueue_many(tx, [owed(here, name, n, Severity.CRITICAL) for n in range(3)])
    for _ in range(NEWS + 3):
        await sender.send_due()
        here.clock.advance(max(1.0, kind.seconds_between))
    order = [sent.message.severity for sent in channel.sent]
    assert len(order) == NEWS + 3
    last = max(at for at, severity in enumerate(order) if severity is Severity.CRITICAL)
    begun = WIDTH * (WIDER if kind.wants_alerts else 1)
    assert last < begun + 3, "only what was on its way already was before them"
