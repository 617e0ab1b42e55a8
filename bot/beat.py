"""The metronome: APScheduler wakes the loops at their pace, and does nothing else.

What is due is a row with a time; who may act on it is decided by a claim. So a tick that comes
twice, late or not at all changes nothing but the moment at which somebody looks.
"""

import asyncio
from collections.abc import Mapping

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Beat:
    """Sets each event every so many seconds. `paces`: event -> seconds."""

    def __init__(self, paces: Mapping[asyncio.Event, float]) -> None:
        self._scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": AsyncIOExecutor()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for event, seconds in paces.items():
            self._scheduler.add_job(_tick, "interval", seconds=seconds, args=[event])

    def start(self) -> None:
        """Begin to tick; needs a running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ticking at once."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


async def _tick(event: asyncio.Event) -> None:
    # A coroutine, so that APScheduler runs it in the loop and not in a thread of its own.
    event.set()
