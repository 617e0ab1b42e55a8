"""One target, scraped again and again: what it exposes, whether it is up, what vanished."""

import asyncio
from collections.abc import Mapping

import structlog

from bot.config.scrape import ScrapeSection
from bot.intake import Intake
from bot.scrape.exposition import Exposed, Reader, TooManySamples, Unreadable
from bot.scrape.fetch import Fetcher, TooMuch, Unreachable
from bot.scrape.target import Target, merge
from storage.clock import Clock
from storage.errors import BotError
from storage.model.labels import Labels
from storage.model.sample import STALE, Appended, Batch, Sample

log = structlog.get_logger(__name__)

IN_A_THREAD = 64 << 10  # bytes; larger bodies are read beside the loop
REPORTS = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
)


class Cycle:
    """Scrapes one target and stores what comes of it, as the source that the job is.

    A series that is exposed no more, and all of them when the target is down, are marked stale, so
    that no rule goes on with their last values. A scrape is stored whole or not at all.
    """

    def __init__(
        self, job: ScrapeSection, target: Target, fetcher: Fetcher, intake: Intake, clock: Clock
    ) -> None:
        self._job, self.target = job, target
        self._fetcher, self._intake, self._clock = fetcher, intake, clock
        self._reader = Reader(self._merged, job.sample_limit)
        self._living: dict[Labels, None] = {}
        self._described: Mapping[str, Mapping[str, str]] = {}
        self.fault = ""
        """Why the last scrape failed; empty where it did not."""

    async def scrape(self, at: float) -> Appended:
        """Scrape once, as of `at` (Unix seconds); raises StorageUnavailable."""
        began = self._clock.steady()
        exposed = await self._exposed()
        took = self._clock.steady() - began
        samples = self._samples(exposed, at)
        count = float(len(exposed.samples))
        for name, value in zip(REPORTS, (float(not self.fault), took, count, count), strict=True):
            samples.append(Sample(self.target.report(name), at, value))
        news = exposed.metadata if exposed.metadata != self._described else {}
        whole = not any(exposed.times)
        appended = await self._intake.take(
            self._job.job, Batch(samples, complete=whole, metadata=news)
        )
        self._described = exposed.metadata or self._described
        self._living = {
            labels: None
            for (labels, _), time in zip(exposed.samples, exposed.times, strict=True)
            if time is None
        }
        return appended

    async def end(self, at: float) -> None:
        """Mark stale all that is known of a target that is a target no more."""
        gone = [*self._living, *map(self.target.report, REPORTS)]
        await self._intake.take(
            self._job.job, Batch([Sample(labels, at, STALE) for labels in gone], complete=True)
        )

    async def _exposed(self) -> Exposed:
        """Fetch and read; where that fails, note why and return nothing."""
        fault, exposed = "", Exposed()
        try:
            page = await self._fetcher.fetch(self.target.url)
            if len(page.body) < IN_A_THREAD:
                exposed = self._reader.read(page.body, page.kind)
            else:
                exposed = await asyncio.to_thread(self._reader.read, page.body, page.kind)
        except (Unreachable, Unreadable) as error:
            fault = str(error)
            if isinstance(error, TooMuch | TooManySamples):
                self._intake.turn_away(self._job.job, "too_large")
            elif isinstance(error, Unreadable):
                self._intake.turn_away(self._job.job, "unreadable")
        self._note(fault)
        return exposed

    def _samples(self, exposed: Exposed, at: float) -> list[Sample]:
        samples = [
            Sample(labels, at if time is None else time, value)
            for (labels, value), time in zip(exposed.samples, exposed.times, strict=True)
        ]
        there = {labels for labels, _ in exposed.samples}
        samples += [Sample(labels, at, STALE) for labels in self._living if labels not in there]
        return samples

    def _merged(self, name: str, exposed: dict[str, str]) -> Labels:
        return merge(self.target, name, exposed, honor=self._job.honor_labels)

    def _note(self, fault: str) -> None:
        """Log when a target goes down, when the reason changes and when it is back."""
        about = {"job": self._job.job, "instance": self.target.labels.get("instance")}
        if fault and fault != self.fault:
            log.warning("target down", **about, why=fault)
        elif self.fault and not fault:
            log.info("target up", **about)
        self.fault = fault


async def scrape_on_time(cycle: Cycle, clock: Clock, interval: float) -> None:
    """Scrape at the target's own place in every interval (seconds), until cancelled.

    Samples are stamped with the moment that was meant as long as the scrape began nearly then, so
    that they lie evenly in time and pack well.
    """
    offset, tolerance = cycle.target.offset(interval), interval / 100
    while True:
        now = clock.utc_now().timestamp()
        due = ((now - offset) // interval + 1) * interval + offset
        await asyncio.sleep(due - now)
        now = clock.utc_now().timestamp()
        try:
            await cycle.scrape(due if abs(now - due) <= tolerance else now)
        except BotError as error:
            log.warning("scrape not stored", job=cycle.target.labels.get("job"), why=str(error))
        except Exception:
            # One odd target must not end its own scraping for good.
            log.exception("scrape broke", job=cycle.target.labels.get("job"))
