"""Which alert was meant, who heard of it, and what nobody heard of."""

from dataclasses import replace

from storage.model.alert import AlertStatus
from storage.model.delivery import DeliveryStatus
from storage.model.labels import Labels
from storage.model.silence import Mute, MuteKind
from storage.model.standing import Standing
from storage.sql import alerts, incidents, outbox, standing, tracing
from storage.sql.database import Database
from tests.storage.sql.examples import HOUR, NOON, alert, incident, message

BY_ADA = (Mute(kind=MuteKind.SILENCE, by="silence 1 by ada", until=NOON + HOUR, id="u1"),)


def stands(name: str, *, minutes: int = 0, **more: str) -> Standing:
    labels = Labels.of(alertname=name, **more)
    return Standing(alert=alert(labels=labels), updated_at=NOON + minutes * HOUR / 60)


def over(it: Standing) -> Standing:
    ended = replace(it.alert, status=AlertStatus.RESOLVED, ends_at=NOON + HOUR)
    return replace(it, alert=ended)


async def test_labels_are_found_to_the_letter(database: Database) -> None:
    odd = 'a"b%_\\ ☃'
    every = [stands("Disk", disk=odd), stands("disk", disk="a"), stands("Disk", disk="b")]
    async with database.transaction() as tx:
        await standing.upsert_many(tx, every)

        async def found(*pairs: tuple[str, str], fingerprint: str = "", limit: int = 9) -> set[str]:
            keys = await tracing.find(tx, pairs, fingerprint=fingerprint, limit=limit)
            return set(keys)

        first, lower, second = (it.fingerprint for it in every)
        assert await found(("alertname", "Disk")) == {first, second}
        assert await found(("alertname", "disk")) == {lower}
        assert await found(("disk", odd)) == {first}
        assert await found(("alertname", "%")) == set()
        assert await found(fingerprint=second[:8]) == {second}
        assert await found(fingerprint="%") == set()
        assert len(await found(("alertname", "Disk"), limit=1)) == 1


async def test_what_fires_comes_first_then_what_was_told_last(database: Database) -> None:
    every = [over(stands("D", n="1", minutes=9)), stands("D", n="2"), stands("D", n="3", minutes=5)]
    async with database.transaction() as tx:
        await standing.upsert_many(tx, every)
        keys = await tracing.find(tx, [("alertname", "D")], fingerprint="", limit=9)
    assert keys == [every[2].fingerprint, every[1].fingerprint, every[0].fingerprint]


async def test_hidden_ones_are_counted_by_who_hides_them(database: Database) -> None:
    inhibited = (Mute(kind=MuteKind.INHIBITED, by="hidden by NodeDown", id="00ff"),)
    every = [
        *(replace(stands("A", n=str(n)), mutes=BY_ADA) for n in range(3)),
        replace(stands("B"), mutes=inhibited),
        replace(over(stands("C")), mutes=BY_ADA),
        stands("D"),
    ]
    async with database.transaction() as tx:
        await standing.upsert_many(tx, every)
        count, found = await tracing.hidden(tx, 1)
    assert count == 4
    assert [(it.mutes, it.count) for it in found] == [(BY_ADA, 3)]


async def test_what_nobody_heard_of(database: Database) -> None:
    told, firing, old = stands("Told"), stands("Firing"), over(stands("Old"))
    async with database.transaction() as tx:
        await standing.upsert_many(tx, [told, firing, old])
        one, two = await incidents.create_many(tx, [incident("a"), incident("b")])
        await alerts.upsert(tx, one.id, [told.alert])
        await outbox.enqueue(tx, message("a", incident=one.id))
        sent = message("b", incident=two.id, status=DeliveryStatus.SENT)
        await outbox.enqueue(tx, sent)
        assert await tracing.unheard_incidents(tx, NOON - HOUR, 9) == [one.id]
        assert await tracing.unheard_incidents(tx, NOON + HOUR, 9) == []
        assert await tracing.unheard_alerts(tx, NOON, 9) == [old.fingerprint]
        assert await tracing.unheard_alerts(tx, NOON + 2 * HOUR, 9) == []
        await standing.upsert_many(tx, [over(told)])
        assert told.fingerprint not in await tracing.unheard_alerts(tx, NOON, 9)
        again = replace(over(told), alert=replace(over(told).alert, starts_at=NOON + HOUR / 2))
        await standing.upsert_many(tx, [again])
        assert told.fingerprint in await tracing.unheard_alerts(tx, NOON, 9)
        assert await tracing.incidents_with(tx, told.fingerprint, 2) == [one.id]
