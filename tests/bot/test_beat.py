"""The metronome: it ticks at its pace, also after somebody has set the wall clock back."""

import asyncio
from datetime import datetime, timedelta

import pytest
from apscheduler.schedulers import base as scheduler
from apscheduler.triggers import interval

from bot.beat import Beat
from storage.clock import SystemClock

PACE = 0.1


class Wall(datetime):
    """The wall clock, wrong by `by`."""

    by = timedelta(0)

    @classmethod
    def now(cls, tz=None):  # type: ignore[no-untyped-def]
        return super().now(tz) + cls.by


class WrongClock(SystemClock):
    def utc_now(self) -> datetime:
        return super().utc_now() + Wall.by


async def ticks(event: asyncio.Event, count: int) -> None:
    for _ in range(count):
        event.clear()
        async with asyncio.timeout(10):
            await event.wait()


@pytest.mark.parametrize("by", [timedelta(hours=-1), timedelta(hours=1)], ids=["back", "ahead"])
async def test_it_ticks_on_whatever_the_wall_clock_does(
    by: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wall, "by", timedelta(0))
    monkeypatch.setattr(scheduler, "datetime", Wall)
    monkeypatch.setattr(interval, "datetime", Wall)
    event = asyncio.Event()
    beat = Beat({event: PACE}, WrongClock())
    beat.start()
    await ticks(event, 2)
    monkeypatch.setattr(Wall, "by", by)
    await ticks(event, 3)
    beat.stop()
    await asyncio.sleep(0)
    event.clear()
    await asyncio.sleep(3 * PACE)
    assert not event.is_set()
