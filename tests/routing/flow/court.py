"""A judge at work: the real rules and evaluator over samples in memory, the clock in hand."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import numpy as np

from routing.flow.current import Current
from routing.flow.evaluate import Judge
from routing.playbook import Playbook, Source
from routing.rules.read import parse_rules
from routing.rules.rule import RuleGroup
from storage.errors import StorageUnavailable
from storage.metrics.local import LocalMetrics
from storage.model.alert import Alert
from storage.model.labels import Labels, Matcher
from storage.model.sample import Appended, Batch, Sample, Selection
from storage.sql.database import Database
from tests.fakes import ManualClock


class MemorySeries:
    """Samples in dictionaries: what the store answers, without a disk."""

    def __init__(self) -> None:
        self.samples: dict[Labels, dict[float, float]] = {}

    def append(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """Take samples; return those that are new."""
        fresh = []
        for sample in samples:
            if sample.time not in self.samples.setdefault(sample.labels, {}):
                self.samples[sample.labels][sample.time] = sample.value
                fresh.append(sample)
        return tuple(fresh)

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        rows = []
        for labels, readings in sorted(self.samples.items()):
            if all(matcher.matches(labels) for matcher in matchers):
                found = sorted((t, v) for t, v in readings.items() if start < t <= end)
                rows += [(labels, found)] if found else []
        if not rows:
            return Selection.empty()
        width = max(len(found) for _, found in rows)
        times, values = np.zeros((len(rows), width)), np.zeros((len(rows), width))
        for row, (_, found) in enumerate(rows):
            times[row, : len(found)] = [t for t, _ in found]
            values[row, : len(found)] = [v for _, v in found]
        count = np.array([len(found) for _, found in rows], dtype=np.int64)
        return Selection(
            labels=tuple(labels for labels, _ in rows), times=times, values=values, count=count
        )

    def newest(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        return self.select(matchers, start, end)

    def series(self, matchers: Sequence[Matcher], start: float, end: float) -> tuple[Labels, ...]:
        return self.select(matchers, start, end).labels

    def matching(self, matchers: Sequence[Matcher]) -> int | None:
        return sum(all(m.matches(labels) for m in matchers) for labels in self.samples)

    def label_names(self, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        found = self.series(matchers, 0.0, float("inf"))
        return tuple(sorted({name for labels in found for name, _ in labels}))

    def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        found = self.series(matchers, 0.0, float("inf"))
        return tuple(sorted({labels.get(name) for labels in found} - {""}))

    def metadata(self) -> Mapping[str, Mapping[str, str]]:
        return {}


@dataclass
class RecordingDoor:
    """Takes alerts as the receiver does, and remembers them; `fault` is what storage refuses."""

    told: list[Alert] = field(default_factory=list)
    fault: StorageUnavailable | None = None
    transactions: int = 0

    async def receive(
        self, alerts: Sequence[Alert], *, also: Callable[[Any], Awaitable[None]] | None = None
    ) -> None:
        if self.fault is not None:
            raise self.fault
        self.told += alerts
        self.transactions += also is not None


def playbook(**expect: timedelta | None) -> Playbook:
    sources = {name: Source(name=name, expect=span) for name, span in expect.items()}
    return Playbook(people={}, oncall={}, policies={}, default="", sources=sources)


def rules(text: str, interval: str = "15s") -> tuple[RuleGroup, ...]:
    """Read the rules of one group, each a line `{alert: ..., expr: ...}`."""
    listed = "\n".join(f"  - {line.strip()}" for line in text.strip().splitlines())
    return parse_rules(f"groups:\n- name: g\n  interval: {interval}\n  rules:\n{listed}\n", "f")


class Court:
    """Rules, samples, a clock and a judge."""

    def __init__(
        self,
        text: str,
        *,
        interval: str = "15s",
        recording: bool = True,
        **expect: timedelta | None,
    ) -> None:
        self.clock, self.series, self.door = ManualClock(), MemorySeries(), RecordingDoor()
        self.metrics = LocalMetrics(self.series)
        self.playbook = Current(playbook(**expect))
        self.groups = Current(rules(text, interval))
        self.recording = recording
        self.judge = self.sit()

    def sit(self, database: Database | None = None, door: Any = None, gather: float = 0.0) -> Judge:
        """Return a new judge over the same samples: what a restart does."""
        self.judge = Judge(
            self.metrics,
            door or self.door,
            database or cast(Database, None),
            self.clock,
            self.playbook,
            self.groups,
            append=self.append if self.recording else None,
            gather=gather,
        )
        return self.judge

    def close(self) -> None:
        """Let go of the threads that queries run in."""
        self.metrics.close()

    @property
    def now(self) -> float:
        return self.clock.utc_now().timestamp()

    async def append(self, batch: Batch) -> Appended:
        fresh = self.series.append(batch.samples)
        return Appended(stored=len(fresh), stored_at=self.now, fresh=fresh)

    def sample(self, name: str, value: float, at: float | None = None, **labels: str) -> Sample:
        built = Labels.of(labels, __name__=name)
        return Sample(built, self.now if at is None else at, value)

    async def take(self, *samples: Sample, source: str = "prom", complete: bool = False) -> None:
        """Store one request and let what it wakes be judged."""
        await self.judge.arrived(source, await self.append(Batch(samples)), complete)
        await self.judge.drain()

    async def send(
        self, name: str, value: float, *, source: str = "prom", complete: bool = True, **labels: str
    ) -> None:
        """Store one sample taken now."""
        await self.take(self.sample(name, value, **labels), source=source, complete=complete)

    async def turn(self, seconds: float = 0.0, step: float = 1.0) -> None:
        """Let time pass, ticking as it does; at least one tick."""
        left = seconds
        while left > 0:
            self.clock.advance(min(step, left))
            left -= step
            await self.judge.tick()
        if seconds == 0:
            await self.judge.tick()

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Return what was told: (alert's name, instance or source, what)."""
        return [
            (
                alert.name,
                alert.labels.get("instance") or alert.labels.get("source"),
                "no data" if alert.no_data_since else alert.status.value,
            )
            for alert in self.door.told
        ]
