"""Range queries over a week: a hundred series by the minute, sealed and compacted."""

import logging
import subprocess
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import structlog

from bench.engine_figures import Figure
from bench.engine_sides import Side, ask, cpu, folder_bytes, quiet
from storage.clock import Steady
from storage.model.labels import Labels
from storage.model.sample import Batch, Sample
from storage.series.local import LocalSeries, SeriesOptions

SERIES, MINUTES, DAYS = 100, 1440, 7
AT_ONCE = 60
"""Minutes that are written to our store at once."""

QUERIES = {
    "raw": "bench_week",
    "rate[5m]": "rate(bench_week[5m])",
    "avg by job": "avg by (job) (bench_week)",
}


@dataclass(slots=True)
class Past:
    """A clock that stands where it is told to."""

    now: datetime = field(default_factory=lambda: datetime(2000, 1, 1, tzinfo=UTC))

    def utc_now(self) -> datetime:
        """Return the moment it was set to."""
        return self.now

    def steady(self) -> Steady:
        """Return the same moment as seconds."""
        return Steady(self.now.timestamp())


def labels() -> list[Labels]:
    """Return the series of the week."""
    return [
        Labels.of(__name__="bench_week", job=f"service-{n % 5}", instance=f"10.0.0.{n}:9100")
        for n in range(SERIES)
    ]


def week(days: int) -> npt.NDArray[np.float64]:
    """Return (series, minutes): half of them counters, half gauges with noise of three digits."""
    random, minutes = np.random.default_rng(11), days * MINUTES
    counters = np.cumsum(random.poisson(40.0, (SERIES // 2, minutes)), axis=1).astype(np.float64)
    walk = np.cumsum(random.normal(0.0, 0.01, (SERIES - SERIES // 2, minutes)), axis=1)
    return np.concatenate((counters, np.round(np.abs(walk), 3)))


async def write_ours(folder: Path, start: int, days: int) -> int:
    """Write the week into a store of ours, as time would have; return the bytes on disk."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    series, values, clock = labels(), week(days), Past()
    directory = folder / "data" / "samples"
    directory.parent.mkdir(parents=True)
    clock.now = datetime.fromtimestamp(start, UTC)
    store = await LocalSeries.open(directory, SeriesOptions(), clock)
    for first in range(0, values.shape[1], AT_ONCE):
        clock.now = datetime.fromtimestamp(start, UTC) + timedelta(minutes=first + AT_ONCE)
        batch = Batch([*_samples(series, values, start, first)])
        if (told := await store.append(batch)).refused:
            raise RuntimeError(f"not all of the week was stored: {told.refused}")
        await store.seal()
    for _ in range(3):
        clock.now += timedelta(hours=2)
        await store.seal()
    await store.close()
    return folder_bytes(directory)


def _samples(
    series: list[Labels], values: npt.NDArray[np.float64], start: int, first: int
) -> Iterator[Sample]:
    for minute in range(first, min(first + AT_ONCE, values.shape[1])):
        for row, known in enumerate(series):
            yield Sample(known, start + minute * 60.0, float(values[row, minute]))


def write_theirs(folder: Path, start: int, days: int) -> int:
    """Write the week as Prometheus' own blocks, by promtool; return the bytes on disk."""
    values = week(days)
    (folder / "data").mkdir(parents=True)
    text = folder / "week.openmetrics"
    with text.open("w") as file, redirect_stdout(file):
        print("# TYPE bench_week gauge")
        for row, known in enumerate(labels()):
            name = str(known).replace(", ", ",")  # OpenMetrics knows no spaces there
            for minute, value in enumerate(values[row].tolist()):
                print(f"{name} {value!r} {start + minute * 60}")
        print("# EOF")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    arguments = [*command, str(text), str(folder / "data" / "samples")]
    subprocess.run(arguments, check=True, capture_output=True)
    text.unlink()
    return folder_bytes(folder / "data")


def beginning(days: int) -> int:
    """Return when the week began that ends an hour ago, Unix seconds, a whole minute."""
    return (int(time.time()) // 60 - 60 - days * MINUTES) * 60


async def ranges(side: Side, folder: Path, start: int, days: int, times: int) -> dict[str, Figure]:
    """Ask for the week by the minute: until the whole answer is there, median of `times`."""
    end = start + (days * MINUTES - 1) * 60
    found = {}
    async with side.start(folder, "groups: []\n") as program:
        await quiet(program)
        for name, query in QUERIES.items():
            over = {"query": query, "start": start, "end": end, "step": 60}
            _, body = await ask(program, "query_range", **over)
            print(
                f"{side.name}, {name}: {body.count(b'],[') + body.count(b']]'):,} points",
                flush=True,
            )
            before = cpu(program)
            seconds = [(await ask(program, "query_range", **over))[0] for _ in range(times)]
            spent = (cpu(program) - before) / times
            what = f"{days} days by the minute, {SERIES} series, {name}"
            found[what] = Figure(value=median(seconds), unit="s", cpu=spent)
        await quiet(program)
        size = folder_bytes(folder / "data" / "samples")
    samples = SERIES * days * MINUTES
    found["compacted, on disk"] = Figure(value=size / samples, unit="bytes a sample")
    return found
