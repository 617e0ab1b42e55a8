"""The same questions to our own store, a real Prometheus and a real VictoriaMetrics."""

import asyncio
from collections.abc import AsyncIterator
from math import sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.clock import SystemClock
from storage.errors import MetricsUnavailable, QueryError
from storage.metrics.local import LocalMetrics
from storage.metrics.remote import RemoteMetrics, RemoteOptions
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.sample import Batch, Sample
from storage.promql.values import Matrix, Scalar, Text, Vector
from storage.series.local import LocalSeries, SeriesOptions
from tests.peers import prometheus, remote_write, show, victoria_metrics

STEP, COUNT = 15.0, 80
ABSENT = -98765.4321
"""Stands for what is not there, so that it compares unlike any value."""
END = (SystemClock().utc_now().timestamp() // 60 - 2) * 60
"""Unix seconds. Samples stand 7 s beside the moments of evaluation: on the edges of windows the
versions of Prometheus differ."""
UP = (Matcher("__name__", MatchOp.EQUAL, "up"),)

ALIKE = (
    "up",
    "up == 0",
    "sum by (job) (queue)",
    "max by (instance) (max_over_time(queue[5m])) > 90",
    'queue{job=~"a.*"} * on (job, instance) group_left up',
    "quantile(0.9, queue)",
    'absent(up{job="nobody"})',
    "vector(1) + time()",
    "nothing",
)
PROMETHEUS_ONLY = (
    "rate(requests_total[2m])",
    "increase(requests_total[10m] offset 1m)",
    "sum without (instance) (rate(requests_total[1m])) > 1",
    "topk(2, queue)",
    "avg_over_time(queue[100s:30s])",
    'label_replace(up, "host", "$1", "instance", "(.*):.*")',
    "deriv(queue[5m])",
    "queue > +Inf or up / 0",
)


def samples() -> list[Sample]:
    found = []
    for job in ("api", "mail"):
        for place in range(3):
            about = {"job": job, "instance": f"{job}{place}:80"}
            for number in range(COUNT):
                at = END - STEP * number - 8
                age = COUNT - number
                up = 0.0 if (place == 2 and number < 20) else 1.0
                total = 5e5 + (age * (place + 1) * 3.5) % 700  # a reset now and then, far from zero
                found += [
                    Sample(Labels.of(about, __name__="up"), at, up),
                    Sample(Labels.of(about, __name__="queue"), at, 50 + 50 * sin(age / 7 + place)),
                    Sample(Labels.of(about, __name__="requests_total"), at, total),
                ]
    return sorted(found, key=lambda sample: sample.time)


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalMetrics]:
    series = await LocalSeries.open(tmp_path / "samples", SeriesOptions(), SystemClock())
    await series.append(Batch(samples()))
    metrics = LocalMetrics(series)
    yield metrics
    metrics.close()
    await series.close()


def series_of(value: Vector | Matrix) -> dict[Labels, Any]:
    return {
        labels: [
            ABSENT if not there else number for number, there in zip(row, present, strict=True)
        ]
        for labels, row, present in zip(
            value.labels,
            np.atleast_2d(value.values.T).T.tolist(),
            np.atleast_2d(value.present.T).T.tolist(),
            strict=True,
        )
    }


def assert_alike(query: str, ours: Vector | Matrix, theirs: Vector | Matrix) -> None:
    mine, other = series_of(ours), series_of(theirs)
    assert mine.keys() == other.keys(), query
    for labels, values in mine.items():
        assert other[labels] == pytest.approx(values, rel=1e-9, nan_ok=True), (query, labels)


async def compare(local: LocalMetrics, remote: RemoteMetrics, queries: tuple[str, ...]) -> None:
    for query in queries:
        found = await asyncio.gather(local.instant(query, END), remote.instant(query, END))
        assert_alike(query, *found)
        window = query, END - 600, END, 60.0
        ours, theirs = await asyncio.gather(local.range(*window), remote.range(*window))
        assert np.array_equal(ours.times, theirs.times)
        assert_alike(query, ours, theirs)


async def test_prometheus(tmp_path: Path, local: LocalMetrics) -> None:
    async with prometheus(tmp_path) as address:
        await remote_write(address, samples())
        remote = RemoteMetrics(RemoteOptions(url=address))
        try:
            await compare(local, remote, ALIKE + PROMETHEUS_ONLY)
            await other_questions(local, remote)
            window = await remote.raw("up[40s]", END)
            assert window == await local.raw("up[40s]", END)
            assert await remote.raw("1 + 1", END) == Scalar(np.array([2.0]))
            assert await remote.raw("'a text'", END) == Text("a text")

            with pytest.raises(QueryError, match="parse error"):
                await remote.instant("up +", END)
            with pytest.raises(QueryError, match="many-to-many"):
                await remote.instant("up + on (job) queue", END)
        finally:
            await remote.close()
    gone = RemoteMetrics(RemoteOptions(url=address, timeout=5))
    with pytest.raises(MetricsUnavailable, match="cannot be reached"):
        await gone.instant("up", END)
    await gone.close()


async def test_victoria_metrics(tmp_path: Path, local: LocalMetrics) -> None:
    async with victoria_metrics(tmp_path) as address:
        await remote_write(address, samples())
        await show(address)
        remote = RemoteMetrics(RemoteOptions(url=address))
        try:
            await compare(local, remote, ALIKE)
            await other_questions(local, remote)
            with pytest.raises(QueryError):
                await remote.instant("up +", END)
        finally:
            await remote.close()


async def other_questions(local: LocalMetrics, remote: RemoteMetrics) -> None:
    span = UP, END - 600, END
    assert sorted(await remote.series(*span)) == sorted(await local.series(*span))
    assert await remote.label_names(UP) == await local.label_names(UP)
    assert await remote.label_values("instance", UP) == await local.label_values("instance", UP)
    assert "queue" in await remote.label_values("__name__")

    number = await remote.instant("1 + 1", END)  # VictoriaMetrics knows no scalars
    assert (number.labels, number.values.tolist()) == ((Labels(),), [2.0])
