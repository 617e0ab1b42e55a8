"""When a rule that combines series may be judged: never on half a scrape.

A scrape is what one source sent of one (job, instance) for one timestamp. Remote write cuts it
into requests as it likes, in any order. It is whole when

* the sender vouches for it (`complete`), or
* as many samples came as Prometheus' own `scrape_samples_post_metric_relabeling` of that
  timestamp says, its report series came, and every series of the scrape before either came
  again or was marked stale, or
* unproven: nothing more came for SETTLE seconds. Prometheus sends a partial request at most
  5 s later (`batch_send_deadline`).

Until then rules that it feeds are judged at the instant just before it (`horizon`). A scrape
that never ends is given up after LONGEST seconds, so that one broken sender never stops
judging. Times: sample times in Unix seconds, waits in steady seconds.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

SETTLE: Final = 6.0
LONGEST: Final = 15.0
MOST_OPEN: Final = 10_000
REMEMBERED: Final = 16
"""Finished timestamps that are remembered of each target, to know stragglers by."""

COUNT: Final = "scrape_samples_post_metric_relabeling"
REPORTS: Final = frozenset(
    {"up", "scrape_duration_seconds", "scrape_samples_scraped", COUNT, "scrape_series_added"}
)
OTHER_REPORTS: Final = frozenset(
    {
        "scrape_timeout_seconds",
        "scrape_sample_limit",
        "scrape_body_size_bytes",
        "scrape_native_histogram_bucket_limit",
    }
)
EVERY_REPORT: Final = REPORTS | OTHER_REPORTS


class Target(NamedTuple):
    """Who was scraped, and by whom the samples came."""

    source: str
    job: str
    instance: str


class Arrival(NamedTuple):
    """Stored samples of one target and moment that mean the same here.

    name:  of the metric where it is a scrape's own report, else "".  value: a report's reading.
    live, ended: numbers that name the series; ended are those with the staleness marker.
    rules: combining rules that they feed, by key.
    """

    target: Target
    time: float
    name: str
    value: float
    live: Sequence[int]
    ended: Sequence[int]
    rules: tuple[str, ...]


@dataclass(slots=True)
class Scrape:
    """One scrape that is not known to be whole."""

    target: Target
    time: float
    began: float
    heard: float
    samples: int = 0
    expected: float | None = None
    reports: set[str] = field(default_factory=set)
    live: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)

    def take(self, arrival: Arrival, steady: float) -> None:
        """Add some samples."""
        self.heard = steady
        self.rules.update(arrival.rules)
        self.ended.update(arrival.ended)
        if not arrival.live:
            return
        if arrival.name == COUNT:
            self.expected = arrival.value
        if arrival.name in REPORTS:
            self.reports.add(arrival.name)
        elif arrival.name not in OTHER_REPORTS:
            self.samples += len(arrival.live)
            self.live.update(arrival.live)

    def is_whole(self, before: set[int]) -> bool:
        """Say whether it is proven; `before`: the series of the scrape before."""
        return (
            self.expected == self.samples
            and len(self.reports) == len(REPORTS)
            and before <= self.live | self.ended
        )


class Scrapes:
    """The scrapes that are half there. Told of all samples, in any order; reads no clock."""

    def __init__(self) -> None:
        self._open: dict[Target, dict[float, Scrape]] = {}
        self._finished: dict[Target, deque[float]] = {}
        self._series: dict[Target, tuple[float, set[int]]] = {}  # of the newest counted scrape

    def take(self, arrivals: Iterable[Arrival], steady: float, *, complete: bool) -> set[str]:
        """Take what one request stored; return the rules whose scrape is whole now.

        complete: the sender vouches for each scrape of this request. A straggler of a scrape
        that was finished already concerns its rules at once.
        """
        ready: set[str] = set()
        touched: dict[tuple[Target, float], Scrape] = {}
        for arrival in arrivals:
            scrape = self._open.get(arrival.target, {}).get(arrival.time)
            if scrape is None:
                if arrival.time in self._finished.get(arrival.target, ()):
                    ready.update(arrival.rules)
                    continue
                scrape = Scrape(arrival.target, arrival.time, began=steady, heard=steady)
                self._open.setdefault(arrival.target, {})[arrival.time] = scrape
            touched[arrival.target, arrival.time] = scrape
            scrape.take(arrival, steady)
        for scrape in sorted(touched.values(), key=lambda scrape: scrape.time):
            if complete or self._is_whole(scrape):  # by what the one before turned out to be
                ready |= self._finish([scrape])
        return ready | self._crowd_out()

    def settle(self, steady: float) -> set[str]:
        """Finish what was quiet for long enough, or took too long; return its rules."""
        due = [
            scrape
            for scrape in self._half_there()
            if steady - scrape.heard >= SETTLE or steady - scrape.began >= LONGEST
        ]
        return self._finish(due)

    def horizon(self, rule: str) -> float | None:
        """Return the time of the oldest scrape that feeds `rule` and is half there."""
        return min((scrape.time for scrape in self._feeding(rule)), default=None)

    def _feeding(self, rule: str) -> Iterator[Scrape]:
        return (scrape for scrape in self._half_there() if rule in scrape.rules)

    def _half_there(self) -> Iterator[Scrape]:
        return (scrape for scrapes in self._open.values() for scrape in scrapes.values())

    def forget(self, source: str) -> None:
        """Forget the targets of a source that is silent."""
        for target in [target for target in self._finished if target.source == source]:
            del self._finished[target]
            self._series.pop(target, None)

    def forget_targets(self) -> None:
        """Forget all targets, so that memory stays bounded; what is half there stays."""
        self._finished.clear()
        self._series.clear()

    def _finish(self, scrapes: Iterable[Scrape]) -> set[str]:
        """Close scrapes, and those of the same targets that are proven by that; oldest first."""
        due = deque(sorted(scrapes, key=lambda scrape: scrape.time))
        ready: set[str] = set()
        while due:
            scrape = due.popleft()
            others = self._open.get(scrape.target, {})
            if others.pop(scrape.time, None) is None:
                continue
            self._count(scrape)
            ready |= scrape.rules
            due += [other for other in others.values() if self._is_whole(other)]
            if not others:
                del self._open[scrape.target]
        return ready

    def _count(self, scrape: Scrape) -> None:
        """Remember that it is finished, and its series where they were counted."""
        self._finished.setdefault(scrape.target, deque(maxlen=REMEMBERED)).append(scrape.time)
        counted, _ = self._series.get(scrape.target, (scrape.time, set[int]()))
        if scrape.expected is not None and scrape.time >= counted:
            self._series[scrape.target] = (scrape.time, scrape.live)

    def _is_whole(self, scrape: Scrape) -> bool:
        """Say whether it is proven; one that a newer overtook need not name what is gone.

        While an older one is half there, nobody knows what this one has to name.
        """
        counted, series = self._series.get(scrape.target, (scrape.time, set[int]()))
        if not scrape.is_whole(series if counted < scrape.time else set()):
            return False
        return not any(time < scrape.time for time in self._open.get(scrape.target, ()))

    def _crowd_out(self) -> set[str]:
        many = sum(map(len, self._open.values()))
        if many <= MOST_OPEN:
            return set()
        return self._finish(list(islice(self._half_there(), many - MOST_OPEN)))
