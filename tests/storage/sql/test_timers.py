"""Timers: claimed in order of their time, back after a crash, a moved one survives."""

from dataclasses import replace

from storage.clock import Steady
from storage.model.incident import IncidentId
from storage.model.timer import Timer, TimerKind
from storage.sql import incidents, timers
from storage.sql.database import Database
from tests.storage.sql.examples import START, incident


def later(seconds: float) -> Steady:
    return Steady(START + seconds)


def timer(number: int, due: float = 0, kind: TimerKind = TimerKind.ESCALATE) -> Timer:
    return Timer(incident=IncidentId(number), kind=kind, due_at=later(due), round=2, step=1)


async def setting(database: Database, *new: Timer) -> None:
    async with database.transaction() as tx:
        await incidents.create_many(tx, [incident(f"g{n}") for n in range(3)])
        await timers.set_many(tx, new)


async def claim(database: Database, now: float = 0, *, limit: int = 9) -> list[Timer]:
    async with database.transaction() as tx:
        return await timers.claim_due(tx, owner="a", now=later(now), lease=30, limit=limit)


async def test_the_longest_overdue_goes_first(database: Database) -> None:
    await setting(database, timer(1, 0.5), timer(2, -5), timer(3, -1), timer(3, -3))
    async with database.reading() as tx:
        assert await timers.next_due(tx) == later(-5)
    assert await claim(database, limit=1) == [timer(2, -5)]
    assert await claim(database) == [timer(3, -3)], "set twice, the last counts"
    assert await claim(database) == []


async def test_a_lease_that_ends_gives_it_back(database: Database) -> None:
    await setting(database, timer(1), timer(2))
    assert await claim(database) == [timer(1), timer(2)]
    assert await claim(database, 29) == []
    async with database.reading() as tx:
        assert await timers.next_due(tx) == later(30)
    assert await claim(database, 30) == [timer(1), timer(2)]
    async with database.transaction() as tx:
        assert await timers.release(tx, "b") == 0
        assert await timers.release(tx) == 2
    assert await claim(database, 30) == [timer(1), timer(2)]


async def test_one_that_is_moved_while_it_runs_survives(database: Database) -> None:
    await setting(database, timer(1), timer(2))
    one, two = await claim(database)
    async with database.transaction() as tx:
        await timers.set_timer(tx, replace(one, due_at=later(9)))
        await timers.done(tx, one)
        await timers.done(tx, two)
    assert await claim(database, 9) == [timer(1, 9)]
    async with database.reading() as tx:
        assert await timers.of_incident(tx, IncidentId(2)) == []


async def test_a_cancelled_one_never_comes(database: Database) -> None:
    snooze = timer(1, kind=TimerKind.SNOOZE_ENDS)
    await setting(database, timer(1), snooze)
    async with database.transaction() as tx:
        await timers.cancel(tx, [IncidentId(1)], TimerKind.ESCALATE)
        await timers.cancel(tx, [IncidentId(1)], TimerKind.ESCALATE)
        assert await timers.of_incident(tx, IncidentId(1)) == [snooze]
    assert await claim(database) == [snooze]
    async with database.transaction() as tx:
        await timers.done(tx, snooze)
        assert await timers.next_due(tx) is None


async def test_replicas_never_claim_the_same_timer(server_database: Database) -> None:
    await setting(server_database, timer(1), timer(2), timer(3))
    async with server_database.transaction() as one, server_database.transaction() as two:
        mine = await timers.claim_due(one, owner="one", now=START, lease=30, limit=2)
        theirs = await timers.claim_due(two, owner="two", now=START, lease=30, limit=2)
    assert [it.incident for it in mine] == [1, 2]
    assert [it.incident for it in theirs] == [3]
