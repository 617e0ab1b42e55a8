"""Tocsin with something in it that goes wrong on command, started like `python -m bot`.

The environment says what:
TAMPER_PACE:   a file with the pace at which its time runs; hurry.py.
TAMPER_CLOCK:  a file with seconds that the wall clock is wrong by; read at each look.
TAMPER_HANG:   `judging`, `sender` or `timers`: stands still once the file TAMPER_WHEN exists.
TAMPER_STUCK:  seconds after which a loop counts as stuck, in place of a minute.
TAMPER_SILENT: seconds without samples after which no heartbeat goes out, in place of two minutes.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import apscheduler.schedulers.base as scheduler
import apscheduler.triggers.interval as interval

import bot.roles
from bot.cli import main
from routing.flow.deliver import Sender
from routing.flow.evaluate import Judge
from routing.flow.timers import TimerLoop
from tests.promises.hurry import hurried

PLACES: dict[str, tuple[type[Any], str]] = {
    "judging": (Judge, "tick"),
    "sender": (Sender, "start_due"),
    "timers": (TimerLoop, "run_due"),
}
HURRY = hurried()
RIGHT = time.time


def wrong_by() -> float:
    """Return by how many seconds the wall clock is wrong now, for those who do not hurry."""
    try:
        return float(Path(os.environ["TAMPER_CLOCK"]).read_text() or 0)
    except (KeyError, FileNotFoundError):
        return 0.0


class Wall(datetime):
    """The wall clock as everybody in this process sees it."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        real = super().now(tz)
        return real + timedelta(seconds=wrong_by() + (HURRY.ahead() if HURRY else 0.0))


def set_clocks() -> None:
    """Let the wall clock be wrong, for us and for APScheduler; elapsed time stays right."""
    import storage.clock

    time.time = lambda: RIGHT() + wrong_by()
    storage.clock.datetime = Wall  # type: ignore[misc]
    scheduler.datetime = Wall
    interval.datetime = Wall


def hang(place: str, when: Path) -> None:
    """Let a part stand still for ever from the moment on at which the file is there."""
    owner, name = PLACES[place]
    right: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def stands_still(self: Any, *args: Any) -> Any:
        while when.exists():
            await asyncio.sleep(3600)
        return await right(self, *args)

    setattr(owner, name, stands_still)


if __name__ == "__main__":
    set_clocks()
    if place := os.environ.get("TAMPER_HANG"):
        hang(place, Path(os.environ["TAMPER_WHEN"]))
    bot.roles.STUCK = float(os.environ.get("TAMPER_STUCK", bot.roles.STUCK))
    bot.roles.SILENT = float(os.environ.get("TAMPER_SILENT", bot.roles.SILENT))
    main()
