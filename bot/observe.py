"""Tocsin's own metrics, in Prometheus' text format.

What stands in SQL is read on a tick and kept, so that `/metrics` answers without a database and
tells how old its figures are.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from bot.loops import Loop
from bot.observe_rules import rule_families
from bot.web.alertmanager_json import SPOKEN
from routing.flow.judge_seat import JudgeStatus
from storage.clock import Clock, Steady
from storage.model.sample import Appended
from storage.series.options import SeriesStats
from storage.sql import incidents, outbox
from storage.sql.database import Database


class Reloads(Protocol):
    """How the last reload went: `bot.reload.Reloader`. succeeded_at: Unix seconds."""

    successful: bool
    succeeded_at: float


class Observations:
    """Counts what happens and reads what stands; `text` writes it all down.

    stats: of the store.  judging: how the rules are judged; None: no rules are.
    more: what other parts tell of themselves.
    """

    def __init__(
        self,
        clock: Clock,
        database: Database,
        stats: Callable[[], SeriesStats],
        judging: Callable[[], JudgeStatus] | None = None,
        more: Sequence[Callable[[], Iterator[Metric]]] = (),
    ) -> None:
        self._clock, self._database, self._stats = clock, database, stats
        self._judging, self._more = judging, more
        self._stored: Counter[str] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._turned_away: Counter[tuple[str, str]] = Counter()
        self._incidents: Counter[tuple[str, str]] = Counter()
        self._messages: dict[str, int] = {}
        self._oldest: Steady | None = None
        self._looked_at: Steady | None = None
        self.samples_at: Steady | None = None
        self.loops: tuple[Loop, ...] = ()
        self.reloads: Reloads | None = None
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._registry.register(_Once(self._families))

    def heard(self, source: str, appended: Appended, ignored: Mapping[str, int]) -> None:
        """Count a batch that was stored. ignored: reason -> samples that its format left out."""
        self._stored[source] += appended.stored
        for reason, count in (*appended.refused.items(), *ignored.items()):
            self._refused[source, reason] += count
        if appended.stored:
            self.samples_at = self._clock.steady()

    def turned_away(self, source: str, reason: str) -> None:
        """Count a body of which nothing was stored."""
        self._turned_away[source, reason] += 1

    async def look(self) -> None:
        """Read what stands in the database; raises StorageUnavailable."""
        async with self._database.reading() as tx:
            there = await incidents.open_by_kind(tx)
            messages = await outbox.counts(tx)
            oldest = await outbox.oldest_waiting(tx)
        self._incidents = Counter({(s.value, of.value): n for (s, of), n in there.items()})
        self._messages = {status.value: count for status, count in messages.items()}
        self._oldest, self._looked_at = oldest, self._clock.steady()

    def text(self) -> bytes:
        """Write all of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def _families(self) -> Iterator[Metric]:
        yield _spoken()
        yield from self._sample_families()
        yield from self._delivery_families()
        if self._judging is not None:
            yield from rule_families(self._judging())
        for families in self._more:
            yield from families()
        if self.reloads is not None:
            yield from _reload_families(self.reloads)
        ages = _gauge("loop_last_success_age_seconds", "Since each loop last succeeded.", ["loop"])
        now = self._clock.steady()
        for loop in self.loops:
            ages.add_metric([loop.name], now - loop.succeeded)
        yield ages

    def _sample_families(self) -> Iterator[Metric]:
        stored = _counter("samples_stored", "Samples stored, by source.", ["source"])
        for source, count in self._stored.items():
            stored.add_metric([source], count)
        yield stored
        refused = _counter("samples_refused", "Samples refused, by reason.", ["source", "reason"])
        for (source, reason), count in self._refused.items():
            refused.add_metric([source, reason], count)
        yield refused
        by = ["source", "reason"]
        bodies = _counter("bodies_refused", "Bodies refused whole, by reason.", by)
        for (source, reason), count in self._turned_away.items():
            bodies.add_metric([source, reason], count)
        yield bodies
        stats = self._stats()
        owned = _gauge("source_series", "Series that each source was first to send.", ["source"])
        for source, count in stats.by_source.items():
            owned.add_metric([source], count)
        yield owned
        figures = {
            "series": ("Series known to the store.", stats.series),
            "head_samples": ("Samples not sealed yet.", stats.head_samples),
            "journal_bytes": ("Size of the journal.", stats.journal_bytes),
            "segment_bytes": ("Size of the sealed segments.", stats.segment_bytes),
            "segments_quarantined": ("Damaged segments set aside.", stats.quarantined),
            "journal_torn": ("Damaged ends of the journal cut off.", stats.torn),
        }
        for name, (help_, value) in figures.items():
            yield _one(name, help_, value)

    def _delivery_families(self) -> Iterator[Metric]:
        there = _gauge("incidents", "Open incidents.", ["status", "severity"])
        for labels, count in self._incidents.items():
            there.add_metric(labels, count)
        yield there
        messages = _gauge("messages", "Messages in the outbox.", ["status"])
        for status, count in self._messages.items():
            messages.add_metric([status], count)
        yield messages
        now = self._clock.steady()
        if self._looked_at is not None:
            age = now - self._looked_at
            yield _one("database_look_age_seconds", "Age of the figures from SQL.", age)
        waiting = 0.0 if self._oldest is None else max(0.0, now - self._oldest)
        yield _one("message_oldest_waiting_seconds", "Age of the oldest unsent message.", waiting)


def _reload_families(reloads: Reloads) -> Iterator[Metric]:
    """Tell of reloads under our name and under Prometheus' own, which its dashboards know."""
    for ours in ("tocsin", "prometheus"):
        name = f"{ours}_config_last_reload"
        yield GaugeMetricFamily(
            f"{name}_successful",
            "Whether the last configuration reload attempt was successful.",
            value=float(reloads.successful),
        )
        yield GaugeMetricFamily(
            f"{name}_success_timestamp_seconds",
            "Timestamp of the last successful configuration reload.",
            value=reloads.succeeded_at,
        )


def _spoken() -> GaugeMetricFamily:
    """Say which Alertmanager is spoken: karma asks here before it asks anything else."""
    help_ = "The Alertmanager whose API is spoken here."
    told = GaugeMetricFamily("alertmanager_build_info", help_, labels=("version",))
    told.add_metric([SPOKEN], 1.0)
    return told


def _gauge(name: str, help_: str, labels: Iterable[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tocsin_{name}", help_, labels=tuple(labels))


def _counter(name: str, help_: str, labels: Iterable[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"tocsin_{name}", help_, labels=tuple(labels))


def _one(name: str, help_: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tocsin_{name}", help_, value=value)


class _Once:
    """A collector that is asked anew at each exposition."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families()

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: what is told depends on what happens."""
        return []
