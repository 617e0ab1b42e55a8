"""Alerts on their way to disk: those that come together are written together, in order."""

import asyncio
from dataclasses import replace

import pytest

from routing.alerts.dedupe import newest_of
from routing.flow.inflow import MOST, Inflow, Told
from storage.errors import StorageUnavailable
from storage.model.alert import Alert
from storage.sql import standing
from tests.fakes import NOON
from tests.routing.flow.test_storm import storm
from tests.routing.town import Town, alert, resolved


class Disk:
    """Remembers what was written; takes nothing while it is full."""

    def __init__(self) -> None:
        self.batches: list[Told] = []
        self.is_full = False

    async def write(self, told: Told) -> None:
        await asyncio.sleep(0)
        if self.is_full:
            raise StorageUnavailable("the disk is full")
        self.batches.append(told)


async def put(inflow: Inflow, *batches: list[Alert]) -> list[BaseException | None]:
    told = [inflow.put(newest_of(batch)) for batch in batches]
    return await asyncio.gather(*told, return_exceptions=True)


async def test_what_comes_meanwhile_is_written_together() -> None:
    disk = Disk()
    await put(Inflow(disk.write), *([alert(i=str(n))] for n in range(50)))
    assert sum(len(told) for told in disk.batches) == 50
    assert len(disk.batches) <= 2


async def test_what_contradicts_each_other_is_not() -> None:
    disk, one = Disk(), alert()
    await put(Inflow(disk.write), [alert("Other")], [one], [resolved(one)], [one])
    told = [it[one.fingerprint].is_firing for it in disk.batches if one.fingerprint in it]
    assert told == [True, False, True]


async def test_batches_of_different_sources_and_large_ones_stay_apart() -> None:
    disk = Disk()
    large = storm(MOST - 1)
    await put(Inflow(disk.write), [alert("A")], large, [alert("B")], [alert("C")])
    await put(Inflow(disk.write), [alert("A")], [replace(alert("B"), source="other")])
    assert [len(told) for told in disk.batches] == [MOST, 2, 1, 1]


async def test_a_failure_is_everybodys_whose_alerts_were_in_it() -> None:
    disk = Disk()
    inflow = Inflow(disk.write)
    disk.is_full = True
    said = await put(inflow, [alert("A")], [alert("B")])
    assert all(isinstance(it, StorageUnavailable) for it in said)
    disk.is_full = False
    assert await put(inflow, [alert("A")]) == [None]


async def test_a_sender_that_hangs_up_takes_nobody_along() -> None:
    disk = Disk()
    inflow = Inflow(disk.write)
    first, second = (asyncio.create_task(inflow.put(newest_of([alert(n)]))) for n in "AB")
    await asyncio.sleep(0)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_the_same_again_moves_the_end_and_other_words_are_kept(here: Town) -> None:
    minute = NOON.replace(minute=1)
    first = replace(alert(), expires_at=minute)
    await here.fire(first)
    await here.fire(replace(first, expires_at=minute.replace(minute=2)))
    assert (await stands(here, first)).expires_at == minute.replace(minute=2)
    later = replace(first, value=7.0, expires_at=minute.replace(minute=3))
    await here.fire(later)
    await here.fire(later)
    found = await stands(here, first)
    assert (found.value, found.expires_at) == (7.0, later.expires_at)
    assert len(await here.open_incidents()) == 1


async def stands(here: Town, told: Alert) -> Alert:
    async with here.database.reading() as tx:
        return (await standing.by_fingerprints(tx, [told.fingerprint]))[told.fingerprint].alert
