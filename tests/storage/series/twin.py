"""What the series store must agree with: a clock turned by hand and a store that is one dict."""

import asyncio
import struct
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from storage.clock import Steady
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.sample import Batch, Sample, Selection
from storage.series.local import SeriesOptions

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FOREVER = (float("-inf"), float("inf"))
T = TypeVar("T")


@dataclass
class HandClock:
    """A clock that stands until it is moved."""

    now: datetime = NOON

    def utc_now(self) -> datetime:
        return self.now

    def steady(self) -> Steady:
        return Steady(self.now.timestamp())


def run(story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(story)


def up(number: int = 0, **more: str) -> Labels:
    return Labels.of({"instance": str(number), **more}, __name__="up")


def at(
    after: timedelta = timedelta(0), *, value: float = 1.0, labels: Labels | None = None
) -> Sample:
    """A sample so long after noon."""
    return Sample(up() if labels is None else labels, (NOON + after).timestamp(), value)


def batch(*samples: Sample) -> Batch:
    return Batch(samples)


def equal(name: str, value: str) -> Matcher:
    return Matcher(name, MatchOp.EQUAL, value)


UP = (equal("__name__", "up"),)

Answer = dict[Labels, list[tuple[float, bytes]]]


def plain(selection: Selection) -> Answer:
    """A selection as a dict; values as their eight bytes, since NaN is not NaN."""
    return {
        labels: [
            (time, struct.pack("<d", value))
            for time, value in zip(
                selection.times[row, :count].tolist(), selection.values[row, :count], strict=True
            )
        ]
        for row, (labels, count) in enumerate(
            zip(selection.labels, selection.count.tolist(), strict=True)
        )
    }


def values(selection: Selection) -> list[float]:
    """All values of a selection of one series at most."""
    return [] if not selection.labels else selection.values[0, : selection.count[0]].tolist()


@dataclass
class Twin:
    """The rules of the store, sample by sample."""

    options: SeriesOptions
    kept: dict[Labels, dict[int, bytes]] = field(default_factory=dict)

    def append(self, samples: Iterable[Sample], now: datetime) -> list[str]:
        """Return what becomes of each sample: '' or the reason why it is refused."""
        return [self._one(sample, now) for sample in samples]

    def _one(self, sample: Sample, now: datetime) -> str:
        options, time = self.options, round(sample.time * 1000)
        if time > round((now + options.future).timestamp() * 1000):
            return "too_far_in_future"
        if time < round((now - options.too_old).timestamp() * 1000):
            return "too_old"
        series = self.kept.get(sample.labels)
        if series is None:
            if len(self.kept) >= options.max_series:
                return "limit"
            series = self.kept[sample.labels] = {}
        if time in series:
            return "duplicate"
        if series and time < max(series) - options.out_of_order // timedelta(milliseconds=1):
            return "out_of_order"
        series[time] = np.float64(sample.value).tobytes()
        return ""

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Answer:
        found = {
            labels: sorted(
                (time / 1000, value) for time, value in series.items() if start < time / 1000 <= end
            )
            for labels, series in self.kept.items()
            if all(matcher.matches(labels) for matcher in matchers)
        }
        return {labels: samples for labels, samples in found.items() if samples}
