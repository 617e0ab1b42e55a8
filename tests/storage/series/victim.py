"""A process that stores samples as fast as it can and says so, until it is killed.

`python -m tests.storage.series.victim DIRECTORY MINUTE` stores, from that minute after noon on,
one sample a minute in each of four series, from four tasks at once, while a fifth seals without
pause. With each sample comes a series that was never there before. Each append that has returned is
told as a line `<series> <minute>`.
"""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import structlog

from storage.model.labels import Labels
from storage.model.sample import Batch, Sample
from storage.series.local import LocalSeries, SeriesOptions
from tests.storage.series.twin import MINUTE, NOON, HandClock, up

OPTIONS = SeriesOptions(segment=10 * MINUTE, too_old=20 * MINUTE, future=timedelta(days=1))
SERIES = 4


def born(series: int, minute: int) -> Labels:
    """Return the labels of the series that comes with one sample."""
    return Labels.of(__name__="born", instance=str(series), minute=str(minute))


async def live(directory: Path, minute: int) -> None:
    clock = HandClock(NOON + minute * MINUTE)
    store = await LocalSeries.open(directory, OPTIONS, clock)

    async def sender(series: int) -> None:
        at = minute
        while True:
            time = NOON + at * MINUTE
            clock.now = max(clock.now, time)
            samples = [
                Sample(labels, time.timestamp(), float(at))
                for labels in (up(series), born(series, at))
            ]
            told = await store.append(Batch(samples))
            if told.stored or "duplicate" in told.refused:
                os.write(1, f"{series} {at}\n".encode())
            at += 1

    async def sealer() -> None:
        while True:
            await store.seal()

    await asyncio.gather(sealer(), *(sender(series) for series in range(SERIES)))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(live(Path(sys.argv[1]), int(sys.argv[2])))
