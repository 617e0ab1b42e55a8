"""The sender: guards, races, pace, crashes, the graceful stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.channel import Message, Receipt, TryLater
from routing.flow.deliver import Sender
from routing.incidents.events import Acknowledge
from storage.errors import StorageUnavailable
from storage.model.delivery import DeliveryStatus, Post, Purpose
from storage.model.incident import IncidentId, Status
from storage.sql import outbox
from storage.sql.database import Database
from tests.fakes import ManualClock, RecordingChannel
from tests.routing.town import ADA, BOB, PLAYBOOK, POLICY, Town, alert, resolved, town

ONE = IncidentId(1)


def sender(
    here: Town, *channels: RecordingChannel, between: float = 0.0, patience: float = 0.1
) -> Sender:
    """A second sender over the same database, with channels of the test's own."""
    kinds = {
        it.name: (it.kind(is_chat=it.name == "slack", seconds_between=between), it)
        for it in channels
    }
    parts = (here.database, here.clock, kinds, here.playbook, here.wake, "test")
    return Sender(*parts, patience=patience)


class SlowChannel(RecordingChannel):
    """Answers only when it is let."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        super().__init__(name, clock)
        self.let, self.called = asyncio.Event(), asyncio.Event()

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        self.called.set()
        await self.let.wait()
        return await super().send(message, address, key, post)


async def test_an_answer_before_the_page_is_sent_cancels_it(here: Town) -> None:
    await here.fire()
    await here.desk.apply(ONE, Acknowledge(by=BOB), actor=BOB, via="cli")
    await here.turn(60)
    assert here.sms.pages == []
    assert here.slack.rooms[0].message.asked == ()


@pytest.mark.parametrize("head_start", [0.0, 0.001, 0.003, 0.01])
async def test_a_page_went_before_the_answer_or_never(here: Town, head_start: float) -> None:
    rang: list[float] = []
    now = asyncio.get_running_loop().time
    here.sms.before = lambda _: rang.append(now())
    await here.fire(alert(severity="critical"))
    sending = asyncio.create_task(here.sender.send_due())
    await asyncio.sleep(head_start)
    await here.desk.apply(ONE, Acknowledge(by=BOB), actor=BOB, via="cli")
    answered = now()
    await sending
    await here.turn(60)
    assert all(at < answered + 1 for at in rang)
    page = next(it for it in await here.owed() if it.key.endswith("/ada/sms"))
    assert (page.status is DeliveryStatus.SENT or page.provider_id != "") == bool(here.sms.pages)


class Gate:
    """A database whose readers wait until the gate is open; writers do not."""

    def __init__(self, database: Database) -> None:
        self.database, self.open = database, asyncio.Event()

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.database.transaction()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        await self.open.wait()
        async with self.database.reading() as tx:
            yield tx


async def test_a_page_that_was_claimed_is_looked_at_once_more(here: Town) -> None:
    """Its answer lies between the claim and the call: the row says so, and nobody is called."""
    await here.fire()
    gate = Gate(here.database)
    kinds = {"sms": (here.sms.kind(), here.sms), "slack": (here.slack.kind(), here.slack)}
    ours = Sender(cast(Database, gate), here.clock, kinds, here.playbook, here.wake, "test")
    assert await ours.start_due() > 0
    await here.desk.apply(ONE, Acknowledge(by=BOB), actor=BOB, via="cli")
    gate.open.set()
    await ours.drain(5)
    assert here.sms.pages == []


async def test_no_page_of_a_later_step_after_an_answer(here: Town) -> None:
    await here.fire()
    await here.turn(299)
    await asyncio.gather(
        here.timers.run_due(),
        here.desk.apply(ONE, Acknowledge(by=BOB), actor=BOB, via="cli"),
    )
    here.clock.advance(1)
    await here.turn(400)
    assert [sent.address for sent in here.sms.pages] == ["sms-ada"]


async def test_a_slow_channel_delays_no_other(here: Town) -> None:
    slow = SlowChannel("slack", here.clock)
    ours = sender(here, slow, here.sms)
    await here.fire(*(alert(f"Rule{n}") for n in range(30)))
    while await ours.start_due() or len(here.sms.pages) < 30:
        await asyncio.sleep(0)
    assert slow.sent == []
    assert len(here.sms.pages) == 30
    slow.let.set()
    assert await ours.drain(5) == 0


async def test_what_takes_too_long_counts_as_failed_for_the_moment(here: Town) -> None:
    slow = SlowChannel("slack", here.clock)
    await here.fire()
    await sender(here, slow, here.sms).send_due()
    room = next(it for it in await here.owed() if it.purpose is Purpose.ROOM)
    assert (room.status, room.error) == (DeliveryStatus.WAITING, "no answer within 0.1 s")


async def test_a_bug_in_a_channel_is_tried_again_and_harms_no_other(here: Town) -> None:
    here.slack.fault = ZeroDivisionError("oops")
    await here.fire()
    await here.turn()
    assert len(here.sms.pages) == 1
    here.slack.fault = None
    await here.turn(3)
    assert len(here.slack.rooms) == 1


async def test_one_message_a_second_to_one_room(here: Town) -> None:
    paced = sender(here, here.slack, here.sms, between=1.0)
    await here.fire(*(alert(f"Rule{n}", "warning") for n in range(5)))
    for _ in range(20):
        await paced.send_due()
        here.clock.advance(0.25)
    times = [sent.at for sent in here.slack.rooms]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert len(times) == 5
    assert min(gaps) >= 1.0


async def test_criticals_overtake_the_rest(here: Town) -> None:
    paced = sender(here, here.slack, here.sms, between=1.0)
    await here.fire(*(alert(f"Info{n}", "info") for n in range(5)))
    await here.fire(alert("Bad", "critical"))
    await paced.send_due()
    assert here.slack.sent[0].message.title == "#6 Bad"


async def test_a_page_that_the_post_carried_is_sent_without_a_call(here: Town) -> None:
    await here.fire()
    await here.turn(5)
    page = next(it for it in await here.owed() if it.key.endswith("/ada/slack"))
    assert (page.status, page.provider_id) == (DeliveryStatus.SENT, "slack-1")
    assert len(here.slack.sent) == 1


async def test_without_a_room_a_chat_page_goes_to_the_person(tmp_path: Path) -> None:
    bare = replace(PLAYBOOK, policies={"default": replace(POLICY, rooms=())})
    async with town(tmp_path, bare) as here:
        await here.fire()
        await here.turn()
        assert [(it.address, it.post) for it in here.slack.pages] == [("slack-ada", None)]


async def test_half_done_work_is_remembered(here: Town) -> None:
    post = Post(incident=ONE, channel="slack", address="C1", message_id="ts-1")
    here.slack.fault = TryLater("thread failed", post=post)
    await here.fire()
    await here.turn()
    here.slack.fault = None
    await here.turn(3)
    assert here.slack.rooms[0].post == post


async def test_a_crash_between_sending_and_recording_costs_one_copy(here: Town) -> None:
    slow = SlowChannel("slack", here.clock)
    await here.fire()
    crashed = sender(here, slow, here.sms)
    await crashed.start_due()
    await slow.called.wait()
    here.restart()
    await here.sender.take_over()
    await here.turn()
    assert len(here.slack.rooms) == 1
    assert len(here.sms.pages) <= 2
    slow.let.set()
    await crashed.drain(1)


async def test_a_crashed_stranger_s_messages_come_back_with_their_lease(here: Town) -> None:
    await here.fire()
    async with here.database.transaction() as tx:
        now = here.clock.steady()
        await outbox.claim_due(tx, owner="stranger", now=now, lease=30.0, limit=10)
    await here.turn(29)
    assert here.slack.sent == []
    await here.turn(2)
    assert len(here.slack.rooms) == 1


class Outage:
    """A database that can be away: it refuses everything until it is back."""

    def __init__(self, database: Database) -> None:
        self.database, self.away = database, False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise StorageUnavailable("the disk is full")
        async with self.database.transaction() as tx:
            yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise StorageUnavailable("the disk is full")
        async with self.database.reading() as tx:
            yield tx


async def test_what_was_sent_while_the_database_was_away_is_noted_later_and_not_sent_again(
    here: Town,
) -> None:
    frail = Outage(here.database)
    kinds = {"sms": (here.sms.kind(), here.sms), "slack": (here.slack.kind(), here.slack)}
    ours = Sender(cast(Database, frail), here.clock, kinds, here.playbook, here.wake, "test")
    await here.fire()

    def gone(_: Message) -> None:
        frail.away = True

    here.sms.before = here.slack.before = gone
    await ours.start_due()
    assert await ours.drain(5) > 0  # sent, and not noted yet
    sent = (len(here.sms.sent), len(here.slack.sent))
    with pytest.raises(StorageUnavailable):
        await ours.start_due()
    here.clock.advance(300)
    frail.away = False
    await ours.start_due()
    assert await ours.drain(5) == 0
    here.sms.before = here.slack.before = lambda _: None
    await here.sender.send_due()
    assert (len(here.sms.sent), len(here.slack.sent)) == sent


async def test_drain_finishes_what_is_on_its_way_and_begins_nothing(here: Town) -> None:
    slow = SlowChannel("slack", here.clock)
    ours = sender(here, slow, here.sms, patience=30.0)
    await here.fire()
    await ours.start_due()
    await slow.called.wait()
    await here.fire(alert("Later"))
    asyncio.get_running_loop().call_later(0.02, slow.let.set)
    assert await ours.drain(5) == 0
    assert await ours.start_due() == 0
    room = next(it for it in await here.owed() if it.purpose is Purpose.ROOM)
    assert room.status is DeliveryStatus.SENT


async def test_the_loops_turn_by_themselves(here: Town) -> None:
    loops = [asyncio.create_task(here.sender.run()), asyncio.create_task(here.timers.run())]
    try:
        await here.fire()
        async with asyncio.timeout(5):
            while not (here.slack.rooms and here.sms.pages):
                await asyncio.sleep(0.005)
            await here.desk.apply(ONE, Acknowledge(by=ADA), actor=ADA, via="cli")
            while (here.slack.rooms[-1].message.status) is not Status.ACKNOWLEDGED:
                await asyncio.sleep(0.005)
    finally:
        await here.sender.drain(5)
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def test_a_room_refusing_for_long_is_tried_as_long_as_the_incident_is_open(
    here: Town,
) -> None:
    here.slack.fault = TryLater("down")
    await here.fire(alert(severity="info"))
    await here.turn(3600, by=60)
    here.slack.fault = None
    await here.turn(120)
    assert len(here.slack.rooms) == 1


async def test_notices_of_the_end_reach_only_those_who_were_rung(here: Town) -> None:
    here.slack.fault = TryLater("down")
    here.sms.fault = TryLater("down")
    await here.fire()
    await here.turn(2)
    await here.fire(resolved(alert()))
    here.slack.fault = here.sms.fault = None
    await here.turn(timedelta(minutes=3).total_seconds())
    assert here.sms.pages == []
    assert len(here.slack.rooms) == 1
    assert here.slack.notices == here.sms.notices == []  # nobody heard of it in the first place
