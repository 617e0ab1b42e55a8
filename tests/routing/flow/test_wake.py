"""The bells: told after the commit; a slow reader loses the oldest and is told so."""

import asyncio

from routing.flow.wake import Change, Wake
from storage.model.incident import IncidentId


async def test_every_reader_hears_of_every_change_once() -> None:
    wake = Wake()
    with wake.changed.subscribe() as one, wake.changed.subscribe() as two:
        wake.committed([IncidentId(1), IncidentId(2), IncidentId(1)])
        assert [await one.next(), await one.next()] == [
            Change(IncidentId(1)),
            Change(IncidentId(2)),
        ]
        assert await two.next() == Change(IncidentId(1))
    assert wake.sender.is_set()
    assert wake.timers.is_set()


async def test_a_slow_reader_is_told_to_read_everything_again() -> None:
    wake = Wake()
    with wake.changed.subscribe(most=3) as reader:
        wake.committed(IncidentId(number) for number in range(1, 100))
        assert (await reader.next()).is_resync
        wake.committed([IncidentId(7)])
        assert await reader.next() == Change(IncidentId(7))


async def test_who_left_is_not_told() -> None:
    wake = Wake()
    with wake.changed.subscribe() as reader:
        pass
    wake.committed([IncidentId(1)])
    waiting = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_changes_can_be_iterated() -> None:
    wake = Wake()
    with wake.changed.subscribe() as reader:
        wake.committed([IncidentId(1)])
        async for change in reader:
            assert change.incident == 1
            break
