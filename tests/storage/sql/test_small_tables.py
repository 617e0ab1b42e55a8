"""The small tables: meta, posts, rule states, overrides, events seen, and what ages."""

from dataclasses import replace

from storage.model.change import Change
from storage.model.delivery import DeliveryStatus, Post
from storage.model.incident import IncidentId, Status
from storage.model.labels import Labels
from storage.model.person import Override, PersonId
from storage.sql import (
    alerts,
    audit,
    changes,
    housekeeping,
    incidents,
    keyed,
    meta,
    outbox,
    overrides,
    posts,
    rule_states,
    seen,
    timers,
)
from storage.sql.database import Database
from tests.storage.sql.examples import HOUR, NOON, START, alert, incident, message
from tests.storage.sql.test_timers import timer

ONE = IncidentId(1)


async def test_meta(database: Database) -> None:
    async with database.transaction() as tx:
        assert await meta.get(tx, "offset") is None
        await meta.put(tx, "offset", "1")
        await meta.put(tx, "offset", "2")
        assert await meta.get(tx, "offset") == "2"


async def test_posts(database: Database) -> None:
    first = Post(incident=ONE, channel="slack", address="#ops", message_id="17.5")
    told = Post(
        incident=ONE, channel="slack", address="#ops", message_id="17.9", told=7, asked=("k/1",)
    )
    console = Post(incident=ONE, channel="console", address="main", message_id="1")
    async with database.transaction() as tx:
        await incidents.create(tx, incident())
        await posts.save(tx, first)
        await posts.save(tx, told)
        await posts.save(tx, console)
        assert await posts.get(tx, ONE, "slack", "#ops") == told
        assert await posts.get(tx, ONE, "slack", "#dev") is None
        assert await posts.of_incident(tx, ONE) == [console, told]
        assert await posts.by_message(tx, "slack", "#ops", "17.9") == ONE
        assert await posts.by_message(tx, "slack", "#ops", "17.5") is None


async def test_rule_states(database: Database) -> None:
    async with database.transaction() as tx:
        await rule_states.save_many(tx, [("b", "1", "{}"), ("a", "2", "x"), ("a", "1", "y")])
        await rule_states.save_many(tx, [("a", "1", "old"), ("a", "1", "new")])
        await rule_states.save_many(tx, [])
        await rule_states.delete_many(tx, {("a", "2"), ("never", "was")})
        assert await rule_states.load_all(tx) == [("a", "1", "new"), ("b", "1", "{}")]
        many = [("big", str(n), "{}") for n in range(2_500)]
        await rule_states.save_many(tx, many)
        await rule_states.delete_many(tx, [(rule, series) for rule, series, _ in many])
        assert len(await rule_states.load_all(tx)) == 2


async def test_overrides(database: Database) -> None:
    def override(person: str, starts: int, ends: int, oncall: str = "web") -> Override:
        return Override(
            oncall=oncall,
            person=PersonId(person),
            starts_at=NOON + starts * HOUR,
            ends_at=NOON + ends * HOUR,
            made_by=PersonId("bob"),
        )

    now, over, ahead = override("ada", 0, 8), override("eve", -8, 0), override("joe", 1, 2)
    db = override("ada", -1, 1, "db")
    async with database.transaction() as tx:
        for each in (now, over, ahead, db):
            await overrides.add(tx, each)
        assert await overrides.active(tx, NOON) == [now, db]
        assert await overrides.end(tx, "web", NOON + HOUR) == 2
        assert await overrides.active(tx, NOON + HOUR) == []
        cut_short = replace(now, ends_at=NOON + HOUR)
        assert await overrides.active(tx, NOON) == [cut_short, db]


async def test_seen(database: Database) -> None:
    async with database.transaction() as tx:
        assert await seen.first_time(tx, "Ev1", NOON)
        assert not await seen.first_time(tx, "Ev1", NOON + HOUR)
        assert await seen.first_time(tx, "Ev2", NOON + HOUR)
        assert await seen.forget_before(tx, NOON + HOUR) == 1
        assert await seen.first_time(tx, "Ev1", NOON)


async def test_what_is_old_goes_with_all_that_hangs_on_it(database: Database) -> None:
    over = {"status": Status.RESOLVED, "resolved_at": NOON, "firing": 0}
    async with database.transaction() as tx:
        await incidents.create_many(
            tx,
            [
                incident("old", **over),
                incident("fresh", **over | {"resolved_at": NOON + HOUR}),
                incident("quiet", **over | {"firing": 1}),
                incident("open"),
            ],
        )
        await alerts.upsert_many(tx, [(ONE, alert()), (IncidentId(2), alert())])
        await timers.set_timer(tx, timer(1))
        await posts.save(tx, Post(incident=ONE, channel="c", address="a", message_id="m"))
        await outbox.enqueue(tx, message("page", incident=ONE))
        await outbox.enqueue(tx, message("waiting"))
        await outbox.enqueue(tx, message("told", status=DeliveryStatus.SENT))
        await seen.first_time(tx, "Ev1", NOON)
        story = {"actor": "tocsin", "via": "rules", "what": "opened", "because": "it fires"}
        await audit.append(tx, incident=ONE, at=NOON, **story)
    async with database.transaction() as tx:
        assert await housekeeping.delete_before(tx, NOON + HOUR, limit=100) == 3
        assert await housekeeping.delete_before(tx, NOON + HOUR, limit=100) == 0
        left = await incidents.search(tx)
        assert [it.group for it in left] == ["open", "quiet", "fresh"]
        assert await alerts.of_incident(tx, ONE) == []
        assert len(await alerts.of_incident(tx, IncidentId(2))) == 1
        assert await timers.next_due(tx) is None
        assert await posts.of_incident(tx, ONE) == []
        assert await outbox.oldest_waiting(tx) == START
        assert sum((await outbox.counts(tx)).values()) == 1
        assert len(await audit.of_incident(tx, ONE)) == 1, "the record stays"


async def test_what_a_source_calls_its_troubles(database: Database) -> None:
    disk, slow = Labels.of(alertname="Disk"), Labels.of(alertname="Slow")
    async with database.transaction() as tx:
        await keyed.remember(tx, "a", {"1": disk, "2": slow}, NOON)
        await keyed.remember(tx, "a", {"1": slow}, NOON + HOUR)
        await keyed.remember(tx, "b", {"1": disk}, NOON)
        assert await keyed.labels_of(tx, "a", ["1", "2", "3"]) == {"1": slow, "2": slow}
        await keyed.forget(tx, "a", ["2", "3"])
        assert await keyed.labels_of(tx, "a", ["1", "2"]) == {"1": slow}
        await housekeeping.delete_before(tx, NOON + HOUR, 10)
        assert await keyed.labels_of(tx, "a", ["1"]) == {"1": slow}
        assert await keyed.labels_of(tx, "b", ["1"]) == {}


async def test_changes_are_kept_by_their_key(database: Database) -> None:
    first = Change(source="ci", key="7", service="checkout", at=NOON, version="4.1")
    again = replace(first, at=NOON + HOUR, outcome="failed")
    other = replace(first, key="8", service="mail")
    async with database.transaction() as tx:
        await changes.upsert_many(tx, [first, other])
        await changes.upsert_many(tx, [first, again])
        await changes.upsert_many(tx, [])
        assert await changes.of_services(tx, ["checkout", "none"], NOON) == {"checkout": [again]}
        assert await changes.latest(tx, NOON, 10) == [again, other]
        assert await changes.latest(tx, NOON, 1) == [again]
        await housekeeping.delete_before(tx, NOON + HOUR, 10)
        assert await changes.latest(tx, NOON, 10) == [again]
