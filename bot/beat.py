"""The metronome: APScheduler wakes the loops at their pace, and does nothing else.

What is due is a row with a time; who may act on it is decided by a claim. So a tick that comes
twice, late or not at all changes nothing but the moment at which somebody looks.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from storage.clock import Clock

LOOK = 1.0
"""Seconds between two looks whether the wall clock was set back."""
ODD = timedelta(seconds=1)


class Beat:
    """Sets each event every so many seconds. `paces`: event -> seconds.

    APScheduler plans by the wall clock: one that is set back by an hour would silence everybody
    for an hour. So a tick that is planned for later than its pace allows is planned anew.
    """

    def __init__(self, paces: Mapping[asyncio.Event, float], clock: Clock) -> None:
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None
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
        self._looking = asyncio.create_task(self._look())

    def stop(self) -> None:
        """Stop ticking at once."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            now = self._clock.utc_now()
            for job in self._scheduler.get_jobs():
                if job.next_run_time - now > job.trigger.interval + ODD:
                    job.modify(next_run_time=now)


async def _tick(event: asyncio.Event) -> None:
    # A coroutine, so that APScheduler runs it in the loop and not in a thread of its own.
    event.set()
