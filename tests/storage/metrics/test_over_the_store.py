"""The metrics port over the real store: what was appended is what queries see."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.errors import MetricsUnavailable
from storage.metrics.local import LocalMetrics
from storage.model.labels import Labels
from storage.model.sample import STALE, Batch, Sample
from storage.series.local import LocalSeries, SeriesOptions
from tests.fakes import ManualClock

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
T0 = NOON.timestamp()


async def test_query_what_was_appended(tmp_path: Path) -> None:
    series = await LocalSeries.open(tmp_path, SeriesOptions(), ManualClock(NOON))
    metrics = LocalMetrics(series)
    total = Labels.of(__name__="requests_total", job="api")
    gone = Labels.of(__name__="requests_total", job="old")
    ten_minutes = [Sample(total, T0 - 600 + 60 * i, 60.0 * i) for i in range(11)]
    stopped = [Sample(gone, T0 - 120, 1.0), Sample(gone, T0 - 60, STALE)]
    await series.append(Batch([*ten_minutes, *stopped]))

    now = await metrics.instant("requests_total", T0)
    assert (now.labels, now.values.tolist()) == ((total,), [600.0])
    rate = await metrics.instant("sum by (job) (rate(requests_total[5m]))", T0)
    assert rate.labels == (Labels.of(job="api"),)
    assert rate.values.tolist() == pytest.approx([1.0])
    before = await metrics.range("requests_total", T0 - 120, T0, 60)
    assert before.labels == (total, gone)
    assert before.present.tolist() == [[True, True, True], [True, False, False]]
    assert await metrics.label_values("job") == ("api", "old")
    assert await metrics.series((), T0 - 60, T0) == (total,)
    await series.close()


async def test_a_closed_store_has_no_numbers(tmp_path: Path) -> None:
    clock = ManualClock(NOON + timedelta(hours=1))
    series = await LocalSeries.open(tmp_path, SeriesOptions(), clock)
    await series.close()
    with pytest.raises(MetricsUnavailable):
        await LocalMetrics(series).instant("up", T0)
