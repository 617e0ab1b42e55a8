"""What became of many messages at once: as if each were noted by itself."""

from dataclasses import replace

from storage.clock import Steady
from storage.model.delivery import DeliveryStatus, Purpose
from storage.model.incident import IncidentId
from storage.model.labels import Fingerprint
from storage.model.standing import Standing
from storage.sql import incidents, outbox, owed, standing
from storage.sql.database import Database
from tests.storage.sql.examples import NOON, START, alert, incident, message

ONE = IncidentId(1)


async def test_rooms_are_noted_together_and_what_was_armed_meanwhile_waits(
    database: Database,
) -> None:
    rooms = [message(f"room/{n}", purpose=Purpose.ROOM, not_before=START) for n in range(3)]
    async with database.transaction() as tx:
        await outbox.enqueue_many(tx, rooms)
        claimed = await outbox.claim_due(tx, owner="us", now=START, lease=30, limit=9)
        await outbox.arm_room(tx, rooms[1])
        stale = [it for it in claimed if it.key != "room/2"]
        await owed.record_shown(tx, [(it, f"id-{it.key}") for it in stale], NOON)
        found = await outbox.by_keys(tx, [it.key for it in rooms])
    assert [found[it.key].status for it in rooms] == [
        DeliveryStatus.SENT,
        DeliveryStatus.WAITING,
        DeliveryStatus.WAITING,
    ]
    assert (found["room/0"].provider_id, found["room/0"].sent_at) == ("id-room/0", NOON)
    assert found["room/1"].provider_id == "id-room/1"
    assert found["room/2"].provider_id == ""


async def test_pages_that_are_wanted_are_brought_forward(database: Database) -> None:
    later = Steady(START + 30)
    async with database.transaction() as tx:
        await incidents.create_many(tx, [incident()])
        page = message("page", incident=ONE, not_before=START)
        await outbox.enqueue(tx, page)
        claimed = await outbox.claim_due(tx, owner="us", now=START, lease=30, limit=9)
        await outbox.put_back(tx, claimed, not_before=later)
        await owed.bring_forward(tx, [(ONE, page.channel)], START)
        [found] = (await owed.of_incidents(tx, [ONE]))[ONE]
    assert found.not_before == START


async def test_the_same_again_touches_how_long_it_stands(database: Database) -> None:
    told = Standing(alert=replace(alert(), expires_at=NOON), updated_at=NOON, expires=START)
    over = Standing(alert=alert("Over"), updated_at=NOON)
    later = Steady(START + 60)
    async with database.transaction() as tx:
        await standing.upsert_many(tx, [told, over])
        await standing.touch(tx, [told.fingerprint], replace(told, expires=later))
        found = await standing.by_fingerprints(tx, [told.fingerprint])
        there = await standing.look(
            tx, [told.fingerprint, over.fingerprint, Fingerprint("unknown")]
        )
    assert found[told.fingerprint].expires == later
    assert there == {told.fingerprint: True, over.fingerprint: True}
