"""Every job's targets, each on a task of its own; files that list targets are looked at again."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from bot.config.scrape import ScrapeSection
from bot.intake import Intake
from bot.scrape.cycle import Cycle, scrape_on_time
from bot.scrape.fetch import Fetcher
from bot.scrape.files import TargetFiles
from bot.scrape.target import Target, target
from storage.clock import Clock


@dataclass(slots=True)
class _Job:
    section: ScrapeSection
    listed: tuple[Target, ...]
    files: TargetFiles
    fetcher: Fetcher
    running: dict[Target, tuple[Cycle, asyncio.Task[None]]] = field(default_factory=dict)


class Scraper:
    """Scrapes all jobs; `look` starts it and keeps it up to date, `stop` ends it.

    sections: the jobs in force, asked at every look.
    """

    def __init__(
        self, sections: Callable[[], Iterable[ScrapeSection]], intake: Intake, clock: Clock
    ) -> None:
        self._sections, self._intake, self._clock = sections, intake, clock
        self._jobs: dict[str, _Job] = {}

    @property
    def targets(self) -> int:
        """How many targets are scraped now."""
        return sum(len(job.running) for job in self._jobs.values())

    async def look(self) -> None:
        """Look for jobs and targets: begin with new ones, end those that are listed no more.

        Raises StorageUnavailable where the end of a target cannot be stored.
        """
        wanted = {section.job: section for section in self._sections()}
        for name, job in list(self._jobs.items()):
            if name not in wanted:
                del self._jobs[name]
                await self._close(job, is_over=True)
            elif job.section != wanted[name]:
                # What is asked otherwise from now on goes on under the same labels.
                del self._jobs[name]
                await self._close(job, is_over=False)
        for name, section in wanted.items():
            if name not in self._jobs:
                self._jobs[name] = _open(section)
            await self._look_at(self._jobs[name])

    async def stop(self) -> None:
        """Stop scraping; nothing is marked stale, since the targets may well go on."""
        jobs, self._jobs = list(self._jobs.values()), {}
        for job in jobs:
            await self._close(job, is_over=False)

    async def _look_at(self, job: _Job) -> None:
        listed = await asyncio.to_thread(job.files.look)
        wanted = dict.fromkeys((*job.listed, *listed))
        for one in [one for one in job.running if one not in wanted]:
            await self._end(job, one)
        for one in wanted:
            if one not in job.running:
                self._begin(job, one)

    async def _close(self, job: _Job, *, is_over: bool) -> None:
        try:
            for _, task in job.running.values():
                await _cancelled(task)
            for cycle, _ in job.running.values() if is_over else ():
                await cycle.end(self._clock.utc_now().timestamp())
        finally:
            await job.fetcher.close()

    def _begin(self, job: _Job, one: Target) -> None:
        cycle = Cycle(job.section, one, job.fetcher, self._intake, self._clock)
        pace = job.section.interval.total_seconds()
        name = f"scrape {job.section.job} {one.labels.get('instance')}"
        task = asyncio.create_task(scrape_on_time(cycle, self._clock, pace), name=name)
        job.running[one] = cycle, task

    async def _end(self, job: _Job, one: Target) -> None:
        cycle, task = job.running.pop(one)
        await _cancelled(task)
        await cycle.end(self._clock.utc_now().timestamp())


def _open(section: ScrapeSection) -> _Job:
    return _Job(
        section=section,
        listed=tuple(target(section, address) for address in section.targets),
        files=TargetFiles(section),
        fetcher=Fetcher(section),
    )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
