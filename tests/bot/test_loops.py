"""Loops turn when woken, survive what their work raises, and can be seen to be stuck."""

import asyncio

import pytest

from bot.beat import Beat
from bot.loops import Loop, failing, stuck
from storage.clock import SystemClock
from storage.errors import MetricsUnavailable, StorageUnavailable


class LateClock(SystemClock):
    """The system's clock, set forward by hand."""

    ahead = 0.0

    def steady(self):  # type: ignore[no-untyped-def]
        return super().steady() + self.ahead


async def test_a_wake_during_the_work_is_one_more_turn() -> None:
    turns, gate = [], asyncio.Event()

    async def work() -> None:
        turns.append(1)
        await gate.wait()

    loop = Loop("sender", work, SystemClock())
    loop.start()
    loop.wake.set()
    while not turns:
        await asyncio.sleep(0)
    loop.wake.set()
    loop.wake.set()
    gate.set()
    while len(turns) < 2:
        await asyncio.sleep(0)
    await loop.stop()
    assert len(turns) == 2


@pytest.mark.parametrize(
    "error", [ValueError("no"), StorageUnavailable("disk full"), MetricsUnavailable("away")]
)
async def test_a_loop_turns_on_after_an_error(error: Exception) -> None:
    clock, turns = LateClock(), []

    async def work() -> None:
        turns.append(1)
        if len(turns) < 3:
            raise error

    loop = Loop("timers", work, clock, stuck_after=10)
    clock.ahead = 11
    assert stuck([loop]) == failing([loop]) == ("timers",)
    loop.start()
    beat = Beat({loop.wake: 0.01}, clock)
    beat.start()
    while not turns:
        await asyncio.sleep(0.01)
    assert stuck([loop]) == ()
    while failing([loop]):
        await asyncio.sleep(0.01)
    beat.stop()
    await loop.stop()
    assert len(turns) >= 3
