"""Incidents as rows: numbers, versions, groups, searches."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.errors import StaleIncident, UnknownIncident
from storage.model.alert import Category, Severity
from storage.model.flaps import Flaps
from storage.model.incident import Incident, IncidentId, Status
from storage.model.person import PersonId
from storage.sql import housekeeping, incidents
from storage.sql.database import Database
from tests.storage.sql.examples import HOUR, NOON, incident

FULL = incident(
    category=Category.CAPACITY,
    status=Status.SNOOZED,
    round=3,
    step=1,
    owner=PersonId("ada"),
    firing=2,
    total=5,
    rung=(PersonId("ada"), PersonId('o"brien')),
    acknowledged_at=NOON,
    snoozed_until=NOON + HOUR,
    resolved_at=NOON,
    resolved_by=PersonId("bob"),
    cleared_at=NOON,
    quiet=True,
    no_data_since=NOON,
    undelivered=True,
    flaps=Flaps(recent=(NOON, NOON + HOUR), since=NOON, count=14, held=True, calm=NOON - HOUR),
    joined=3,
    updated_at=NOON + HOUR,
)


async def store(database: Database, *new: Incident) -> list[Incident]:
    async with database.transaction() as tx:
        return await incidents.create_many(tx, new)


@pytest.mark.parametrize("new", [incident(), FULL], ids=["bare", "full"])
async def test_an_incident_comes_back_as_it_was(database: Database, new: Incident) -> None:
    (stored,) = await store(database, new)
    async with database.reading() as tx:
        assert await incidents.get(tx, stored.id) == replace(new, id=IncidentId(1))


async def test_numbers_ascend_and_are_never_given_twice(database: Database) -> None:
    done = {"status": Status.RESOLVED, "resolved_at": NOON, "firing": 0}
    first = await store(database, *(incident(f"g{n}", **done) for n in range(3)))
    assert [it.id for it in first] == [1, 2, 3]
    assert [it.group for it in first] == ["g0", "g1", "g2"]
    async with database.transaction() as tx:
        assert await housekeeping.delete_before(tx, NOON + HOUR, limit=10) == 3
    assert [it.id for it in await store(database, incident())] == [4]


@pytest.mark.parametrize("number", [42, 0, -1, 10**30])
async def test_an_unknown_number_is_named(database: Database, number: int) -> None:
    async with database.reading() as tx:
        with pytest.raises(UnknownIncident, match=f"^no incident has the number {number}$"):
            await incidents.get(tx, IncidentId(number))
        assert await incidents.get_many(tx, [IncidentId(number)]) == {}


async def test_the_slower_writer_is_told(database: Database) -> None:
    (stored,) = await store(database, incident())
    async with database.transaction() as tx:
        winner = replace(stored, status=Status.ACKNOWLEDGED)
        saved = await incidents.save(tx, winner, expected=stored.version)
    assert saved == replace(winner, version=1)
    with pytest.raises(StaleIncident, match="incident 1"):
        async with database.transaction() as tx:
            await incidents.save(tx, stored, expected=stored.version)
    async with database.reading() as tx:
        assert await incidents.get(tx, stored.id) == saved


async def test_many_are_saved_together_or_not_at_all(database: Database) -> None:
    stored = await store(database, *(incident(f"g{n}") for n in range(1_100)))
    changed = [replace(it, title="changed") for it in stored]
    async with database.transaction() as tx:
        saved = await incidents.save_many(tx, [(it, 0) for it in changed])
        assert await incidents.save_many(tx, []) == []
    assert {it.version for it in saved} == {1}
    with pytest.raises(StaleIncident):
        async with database.transaction() as tx:
            await incidents.save_many(tx, [(saved[0], 1), (saved[1], 0)])
    with pytest.raises(UnknownIncident, match="number 5000"):
        async with database.transaction() as tx:
            await incidents.save(tx, incident(id=IncidentId(5_000)), expected=0)
    async with database.reading() as tx:
        found = await incidents.get_many(tx, [it.id for it in stored])
    assert list(found.values()) == saved


async def test_a_group_has_one_open_incident(database: Database) -> None:
    group = "night/" + "".join(
        map(chr, range(0x4E00, 0x4E00 + 5_000))
    )  # longer than an index takes
    (first,) = await store(database, incident(group))
    with pytest.raises(StaleIncident):
        await store(database, incident(group))
    async with database.transaction() as tx:
        over = replace(first, status=Status.RESOLVED, resolved_at=NOON, firing=0)
        over = await incidents.save(tx, over, expected=0)
    (second,) = await store(database, incident(group))
    with pytest.raises(StaleIncident):
        async with database.transaction() as tx:
            await incidents.save(tx, replace(over, status=Status.TRIGGERED), expected=1)
    async with database.reading() as tx:
        found = await incidents.latest_of_groups(tx, [group, "unknown"])
    assert found == {group: second}


async def test_groups_with_odd_letters_are_found_again(database: Database) -> None:
    groups = ["a\0b", "a\ufffdb", "\ud800", "é"]
    await store(database, *map(incident, groups))
    async with database.reading() as tx:
        found = await incidents.latest_of_groups(tx, groups)
    assert [found[group].id for group in groups] == [1, 2, 3, 4]


async def test_search(database: Database) -> None:
    day = timedelta(days=1)
    done = {"status": Status.RESOLVED, "resolved_at": NOON}
    await store(
        database,
        incident("a", **done, opened_at=NOON - day),
        incident("b", severity=Severity.WARNING),
        incident("c", status=Status.ACKNOWLEDGED),
        incident("d", opened_at=NOON + day),
    )
    async with database.reading() as tx:

        async def found(**wanted: object) -> Sequence[int]:
            return [it.id for it in await incidents.search(tx, **wanted)]  # type: ignore[arg-type]

        assert await found() == [4, 3, 2, 1]
        assert await found(newest_first=False, limit=2) == [1, 2]
        assert await found(statuses={Status.TRIGGERED, Status.RESOLVED}) == [4, 2, 1]
        assert await found(statuses=[Status.ACKNOWLEDGED]) == [3]
        assert await found(statuses=[]) == []
        assert await found(severity=Severity.WARNING) == [2]
        assert await found(since=NOON, until=NOON + day) == [3, 2]
        assert await incidents.open_by_kind(tx) == {
            (Status.TRIGGERED, Severity.WARNING): 1,
            (Status.TRIGGERED, Severity.CRITICAL): 1,
            (Status.ACKNOWLEDGED, Severity.CRITICAL): 1,
        }


async def test_the_most_urgent_come_first_however_many_are_newer(database: Database) -> None:
    await store(
        database,
        incident("done", status=Status.RESOLVED, resolved_at=NOON),
        incident("old", severity=Severity.CRITICAL),
        incident("taken", status=Status.ACKNOWLEDGED),
        incident("info", severity=Severity.INFORMATIONAL),
        *(incident(f"new {number}", severity=Severity.WARNING) for number in range(20)),
        incident("newest", severity=Severity.CRITICAL),
    )
    async with database.reading() as tx:
        every = await incidents.most_urgent(tx, 100)
        assert [it.group for it in every[:3]] == ["newest", "old", "new 19"]
        assert [it.group for it in every[-2:]] == ["info", "taken"]
        assert await incidents.most_urgent(tx, 2) == every[:2]


async def test_asked_knows_who_was_paged(database: Database) -> None:
    ada, odd = PersonId("ada"), PersonId('50%_"é')
    await store(
        database,
        incident("a", rung=(ada, odd)),
        incident("b", rung=(PersonId("Ada"), PersonId("adam"))),
        incident("c", rung=(ada,), status=Status.ACKNOWLEDGED),
        incident("d", rung=(ada,)),
    )
    async with database.reading() as tx:
        assert [it.id for it in await incidents.asked(tx, ada)] == [1, 4]
        assert [it.id for it in await incidents.asked(tx, odd)] == [1]
        assert await incidents.asked(tx, PersonId("d")) == []
