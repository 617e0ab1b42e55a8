"""The outbox: once by key, one claim at a time, outcomes of the newest claim only."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storage.clock import Steady
from storage.model.alert import Severity
from storage.model.delivery import DeliveryStatus, OutboxMessage, Purpose
from storage.model.incident import IncidentId
from storage.sql import incidents, outbox
from storage.sql.database import Database
from tests.storage.sql.examples import HOUR, NOON, START, incident, message

ROOM = {"purpose": Purpose.ROOM, "person": None, "channel": "slack", "address": "#ops"}


def later(seconds: float) -> Steady:
    return Steady(START + seconds)


async def claim(
    database: Database, now: Steady = START, *, owner: str = "a", **more: Any
) -> list[OutboxMessage]:
    options: dict[str, Any] = {"lease": 30.0, "limit": 20} | more
    async with database.transaction() as tx:
        return await outbox.claim_due(tx, owner=owner, now=now, **options)


async def owe(database: Database, *messages: OutboxMessage) -> set[str]:
    async with database.transaction() as tx:
        return await outbox.enqueue_many(tx, messages)


async def stands(database: Database, of: OutboxMessage) -> OutboxMessage:
    async with database.reading() as tx:
        found = await outbox.get(tx, of.id)
    assert found is not None
    return found


async def sent(database: Database, claimed: OutboxMessage, id: str = "SM1") -> bool:
    async with database.transaction() as tx:
        return await outbox.record_sent(
            tx, claimed, status=DeliveryStatus.SENT, provider_id=id, sent_at=NOON
        )


async def test_a_message_is_owed_once(database: Database) -> None:
    async with database.transaction() as tx:
        assert await outbox.enqueue(tx, message("a", body="first"))
        assert not await outbox.enqueue(tx, message("a", body="second"))
        assert await outbox.enqueue_many(tx, [message("a"), message("b")]) == {"b"}
    assert [it.body for it in await claim(database)] == ["first", "{}"]


async def test_a_claimed_message_comes_back_when_the_lease_ends(database: Database) -> None:
    owed = message(deadline=later(60))
    await owe(database, owed)
    (first,) = await claim(database)
    began = owed.not_before
    assert first == replace(owed, id=first.id, attempts=1, claim=1, waiting_since=began)
    assert await claim(database, later(29.9), owner="b") == []
    (second,) = await claim(database, later(30), owner="b")
    assert (second.attempts, second.claim) == (2, 2)
    assert not await sent(database, first), "its lease was lost"
    assert await sent(database, second)
    assert (await stands(database, second)).status is DeliveryStatus.SENT


async def test_nothing_is_claimed_before_its_time(database: Database) -> None:
    await owe(database, message("a", not_before=later(5)), message("b", not_before=later(7)))
    async with database.reading() as tx:
        assert await outbox.next_due(tx) == later(5)
    assert await claim(database, later(4.9)) == []
    assert [it.key for it in await claim(database, later(5))] == ["a"]
    async with database.reading() as tx:
        assert await outbox.next_due(tx) == later(7)
        assert await outbox.oldest_waiting(tx) == later(5)


async def test_the_most_urgent_go_first(database: Database) -> None:
    await owe(
        database,
        message("warning page", severity=Severity.WARNING),
        message("critical room", **ROOM),
        message("critical notice", purpose=Purpose.NOTICE),
        message("late critical page", not_before=later(-1)),
        message("critical page"),
        message("info", severity=Severity.INFORMATIONAL, not_before=later(-99)),
    )
    first = [it.key for it in await claim(database, limit=3)]
    assert first == ["late critical page", "critical page", "critical room"]
    rest = [it.key for it in await claim(database)]
    assert rest == ["critical notice", "warning page", "info"]


async def test_busy_addresses_are_skipped(database: Database) -> None:
    await owe(database, message("a", address="+1"), message("b", address="+2"))
    assert [it.key for it in await claim(database, busy=[("sms", "+1"), ("slack", "+2")])] == ["b"]


async def test_a_retry_waits_and_keeps_its_error(database: Database) -> None:
    await owe(database, message())
    (claimed,) = await claim(database)
    async with database.transaction() as tx:
        assert await outbox.record_retry(tx, claimed, not_before=later(4), error="503")
    assert await claim(database, later(3)) == []
    (again,) = await claim(database, later(4))
    assert (again.attempts, again.error) == (2, "503")
    async with database.reading() as tx:
        assert await outbox.oldest_waiting(tx) == START, "back-off does not make it younger"


async def test_a_page_cancelled_while_being_sent_keeps_its_proof(database: Database) -> None:
    async with database.transaction() as tx:
        opened = await incidents.create(tx, incident())
        await outbox.enqueue(tx, message("a", incident=opened.id))
        await outbox.enqueue(tx, message("b", incident=opened.id, not_before=later(9)))
        await outbox.enqueue(tx, message("room", incident=opened.id, **ROOM))
    (claimed,) = await claim(database, limit=1)
    async with database.transaction() as tx:
        assert await outbox.cancel_pages(tx, opened.id) == 2
        assert await outbox.cancel_pages(tx, opened.id) == 0
    assert [it.key for it in await claim(database, later(99))] == ["room"]
    assert await sent(database, claimed)
    now = await stands(database, claimed)
    assert (now.status, now.provider_id, now.sent_at) == (DeliveryStatus.CANCELLED, "SM1", NOON)


async def test_a_room_armed_while_being_sent_goes_on_waiting(database: Database) -> None:
    room = message("incident/1/room", **ROOM, body="one")
    async with database.transaction() as tx:
        await outbox.arm_room(tx, room)
    (claimed,) = await claim(database)
    assert (claimed.body, claimed.revision) == ("one", 0)
    async with database.transaction() as tx:
        news = replace(room, body="two", severity=Severity.WARNING, not_before=later(1))
        await outbox.arm_room(tx, news)
    assert await claim(database, later(2)) == [], "the lease stays"
    assert await sent(database, claimed)
    (again,) = await claim(database, later(2))
    assert (again.body, again.revision, again.severity) == ("two", 1, Severity.WARNING)
    assert (again.attempts, again.provider_id) == (1, "SM1")
    assert await sent(database, again, "SM2")
    assert await claim(database, later(99)) == []
    async with database.transaction() as tx:
        await outbox.arm_room(tx, replace(room, body="three", not_before=later(99)))
    (third,) = await claim(database, later(99))
    assert (third.body, third.revision, third.attempts) == ("three", 2, 1)


async def test_what_failed_for_good_stays_failed(database: Database) -> None:
    await owe(database, message())
    (claimed,) = await claim(database)
    async with database.transaction() as tx:
        assert await outbox.record_failed(tx, claimed, error="no such number")
        assert not await outbox.record_failed(tx, claimed, error="again")
    now = await stands(database, claimed)
    assert (now.status, now.error) == (DeliveryStatus.FAILED, "no such number")
    assert await claim(database, later(999)) == []


@pytest.mark.parametrize(
    ("learnt", "ends"),
    [
        ("delivered failed sent", "delivered"),
        ("unproven delivered unproven", "delivered"),
        ("failed delivered", "failed"),
        ("unproven failed", "failed"),
    ],
)
async def test_late_words_change_nothing(database: Database, learnt: str, ends: str) -> None:
    await owe(database, message())
    (claimed,) = await claim(database)
    await sent(database, claimed)
    async with database.transaction() as tx:
        for word in learnt.split():
            await outbox.record_outcome(tx, claimed.id, DeliveryStatus(word))
    assert (await stands(database, claimed)).status == ends


async def test_what_is_overdue_and_what_lacks_proof(database: Database) -> None:
    await owe(
        database,
        message("late", deadline=later(60)),
        message("later", deadline=later(61)),
        message("other", channel="slack"),
    )
    claimed = {it.key: it for it in await claim(database)}
    async with database.transaction() as tx:
        assert await outbox.next_deadline(tx) == later(60)
        assert [it.key for it in await outbox.overdue(tx, later(60))] == ["late"]
        assert await outbox.cancel(tx, claimed["late"].id)
        assert not await outbox.cancel(tx, claimed["late"].id)
        assert await outbox.overdue(tx, later(60)) == []
    await sent(database, claimed["later"])
    await sent(database, claimed["other"])
    async with database.reading() as tx:
        open_ends = await outbox.unproven(
            tx, channels={"sms"}, sent_after=NOON - HOUR, sent_before=NOON + HOUR
        )
        assert [it.key for it in open_ends] == ["later"]
        assert await outbox.unproven(tx, channels={"sms"}, sent_before=NOON) == []
        counts = await outbox.counts(tx)
    assert {status.value: n for status, n in counts.items() if n} == {"sent": 2, "cancelled": 1}


async def test_pages_of_a_step(database: Database) -> None:
    async with database.transaction() as tx:
        opened = await incidents.create(tx, incident())
        for step in (0, 1, 1):
            key = f"{step}/{await outbox.counts(tx)}"
            await outbox.enqueue(tx, message(key, incident=opened.id, step=step))
        await outbox.enqueue(tx, message("room", incident=opened.id, step=1, **ROOM))
        pages = await outbox.pages_of_step(tx, opened.id, 0, 1)
        assert [(it.purpose, it.step) for it in pages] == [(Purpose.PAGE, 1)] * 2
        assert len(await outbox.of_incident(tx, opened.id)) == 4
        assert await outbox.of_incident(tx, IncidentId(99)) == []


async def test_leases_of_a_crashed_predecessor_are_taken_back(database: Database) -> None:
    await owe(database, message("a"), message("b"))
    await claim(database, owner="dead", limit=1)
    await claim(database, owner="alive", limit=1)
    async with database.transaction() as tx:
        assert await outbox.release(tx, "dead") == 1
    (again,) = await claim(database)
    assert (again.key, again.doubted) == ("a", True), "the provider may have it"
    async with database.transaction() as tx:
        assert await outbox.release(tx) == 2


async def test_what_a_crash_cut_off_is_doubted_until_it_is_known(database: Database) -> None:
    await owe(database, message())
    (claimed,) = await claim(database)
    assert not claimed.doubted
    (again,) = await claim(database, later(100))
    assert again.doubted, "its lease ended, and nobody had noted an outcome"
    async with database.transaction() as tx:
        await outbox.record_retry(tx, again, not_before=later(101), error="no answer")
    (third,) = await claim(database, later(102))
    assert third.doubted
    await sent(database, third)
    async with database.reading() as tx:
        found = await outbox.get(tx, third.id)
    assert found is not None
    assert not found.doubted


async def test_an_outcome_that_is_not_clear_is_doubted_also_after_a_crash(
    database: Database,
) -> None:
    await owe(database, message())
    (claimed,) = await claim(database)
    async with database.transaction() as tx:
        await outbox.record_retry(
            tx, claimed, not_before=later(1), error="the connection broke", doubted=True
        )
    (again,) = await claim(database, later(2))
    assert again.doubted


async def test_replicas_never_claim_the_same_message(
    server_database: Database,
) -> None:
    keys = {f"{n:03}" for n in range(100)}
    await owe(server_database, *(message(key) for key in keys))
    async with server_database.transaction() as one, server_database.transaction() as two:
        args = {"now": START, "lease": 30.0, "limit": 40}
        mine = await outbox.claim_due(one, owner="one", **args)  # type: ignore[arg-type]
        theirs = await outbox.claim_due(two, owner="two", **args)  # type: ignore[arg-type]
    assert (len(mine), len(theirs)) == (40, 40)
    assert not {it.id for it in mine} & {it.id for it in theirs}


async def test_hostile_text_is_stored(database: Database) -> None:
    odd = message(
        "a\0b", body="'; DROP TABLE outbox; --\0\ud800 é ☎", created_at=NOON + timedelta(1)
    )
    await owe(database, odd)
    (claimed,) = await claim(database)
    assert claimed.body == "'; DROP TABLE outbox; --\ufffd\ufffd é ☎"
    async with database.transaction() as tx:
        assert not await outbox.enqueue(tx, odd), "still the same key"


async def test_what_is_put_back_counts_no_attempt(database: Database) -> None:
    await owe(database, message())
    (claimed,) = await claim(database)
    async with database.transaction() as tx:
        await outbox.put_back(tx, [claimed], not_before=later(3))
    assert await claim(database, later(2)) == []
    (again,) = await claim(database, later(3))
    assert (again.attempts, again.claim) == (1, 2)


async def test_a_full_channel_is_left_alone(database: Database) -> None:
    await owe(database, message("a"), message("b", channel="slack", address="U1"))
    assert [it.key for it in await claim(database, full={"sms"})] == ["b"]


async def test_pages_that_wait_are_brought_forward(database: Database) -> None:
    async with database.transaction() as tx:
        opened = await incidents.create(tx, incident())
        for channel in ("sms", "slack"):
            await outbox.enqueue(tx, message(channel, channel=channel, incident=opened.id))
        its_turn = message("turn", channel="sms", incident=opened.id, not_before=later(60))
        await outbox.enqueue(tx, its_turn)
        claimed = await outbox.claim_due(tx, owner="a", now=later(1), lease=30.0, limit=9)
        await outbox.put_back(tx, claimed, not_before=later(60))
        assert await outbox.bring_forward(tx, opened.id, "sms", later(1)) == 1
        assert await outbox.bring_forward(tx, opened.id, "sms", later(1)) == 0
    assert [it.key for it in await claim(database, later(1))] == ["sms"]


async def test_a_turn_can_come_sooner(database: Database) -> None:
    owed = message("turn", not_before=later(300), deadline=later(360))
    await owe(database, owed)
    assert await claim(database, later(5)) == []
    async with database.transaction() as tx:
        (found,) = (await outbox.by_keys(tx, ["turn"])).values()
        sooner = replace(found, not_before=later(5), deadline=later(60))
        await outbox.reschedule(tx, [sooner])
    (taken,) = await claim(database, later(5))
    assert (taken.deadline, taken.waiting_since) == (later(60), later(5))


async def test_pages_within_another_message_are_sent_with_it(database: Database) -> None:
    await owe(database, message("a"), message("b"), message("c", status=DeliveryStatus.CANCELLED))
    async with database.transaction() as tx:
        carried = await outbox.record_carried(
            tx, {"a", "c", "unknown"}, provider_id="17.5", sent_at=NOON
        )
        found = await outbox.by_keys(tx, ["a", "c", "unknown"])
    assert [(it.key, it.status, it.provider_id) for it in carried] == [
        ("a", DeliveryStatus.SENT, "17.5")
    ]
    assert {key: it.status.value for key, it in found.items()} == {"a": "sent", "c": "cancelled"}
    assert [it.key for it in await claim(database)] == ["b"]
