"""A rule over stored history: when it would have fired, series by series, and for how long.

The answers of range queries go through the same lifecycle as on duty. Nothing is known here of
who sent which sample: while no series has any value at all nothing is concluded, and a series
that alone is gone is over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isnan
from typing import Final

import numpy as np

from routing.rules.lifecycle import CLEAR, Look, Now, Phase, RuleState, Sight, Waits, step
from routing.rules.rule import Rule
from routing.rules.sources import GRACE
from storage.clock import Steady, utc
from storage.model.labels import NAME, Labels
from storage.model.sample import Bools, Floats, Ints
from storage.promql.values import Matrix

HELD: Final = Sight(begin=True, advance=True, end=False)
"""Nobody speaks: what is not seen is not over."""

TINY: Final = 1e-6
"""Seconds; moments are sums of floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One time that one series fired. end: None: it fires still. peak: the value furthest from 0.

    first: the value when it began to fire.
    """

    series: Labels
    start: datetime
    end: datetime | None
    first: float
    peak: float

    def lasted(self, until: datetime) -> timedelta:
        """Return for how long it fired; `until` where it fires still."""
        return (self.end or until) - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The answers of one stretch of history, all on the same moments.

    times:     (steps,) Unix seconds.
    answer:    of the rule's own query.
    clearance: of what `clear_when` looks at, whatever the value; clear: where it holds.
    heard:     (steps,) whether any series had a value for the rule; None: it cannot be said.
    """

    times: Floats
    answer: Matrix
    clearance: Matrix | None = None
    clear: Matrix | None = None
    heard: Bools | None = None


@dataclass(slots=True)
class _Row:
    """One series of the rule on its way: its state, and since when and how high it fires."""

    labels: Labels
    state: RuleState | None = None
    began: datetime | None = None
    first: float = 0.0
    peak: float = 0.0


@dataclass(slots=True)
class Replay:
    """Plays a rule over history, slice after slice; `episodes` are those that ended.

    The state before the first slice is not known: `for` begins anew there.
    """

    rule: Rule
    episodes: list[Episode] = field(default_factory=list)
    _rows: dict[Labels, _Row] = field(default_factory=dict)

    def take(self, stretch: Slice) -> None:
        """Play one slice; slices follow each other."""
        place = {labels: row for row, labels in enumerate(stretch.answer.labels)}
        held = _unclear(stretch)
        nothing = np.zeros(len(stretch.times), dtype=np.bool_)
        heard = stretch.heard if stretch.heard is not None else ~nothing
        for labels in (*place, *(labels for labels in self._rows if labels not in place)):
            at = place.get(labels)
            seen = _Seen(
                times=stretch.times,
                values=stretch.answer.values[at] if at is not None else np.zeros(len(heard)),
                present=stretch.answer.present[at] if at is not None else nothing,
                unclear=held.get(labels.without(NAME), nothing),
                heard=heard,
            )
            self._play(self._rows.setdefault(labels, _Row(labels)), seen)
        self._rows = {k: row for k, row in self._rows.items() if row.state is not None}

    def all_episodes(self) -> tuple[Episode, ...]:
        """Return every episode, those that go on last, by their start."""
        still = [_episode(row, None) for row in self._rows.values() if row.began is not None]
        return tuple(sorted((*self.episodes, *still), key=lambda e: (e.start, e.series)))

    def _play(self, row: _Row, seen: "_Seen") -> None:
        """Step one series through the moments at which anything can change."""
        waits = Waits(hold=self.rule.hold, keep_firing_for=self.rule.keep_firing_for)
        turns, at = _Turns.of(seen), 0
        while at < len(seen.times):
            self._step(row, seen, at, waits)
            following = min(turns.after(at, row.state), seen.reached(_due(row.state, waits), at))
            if row.began is not None:
                there = slice(at, following)
                row.peak = _furthest(row.peak, seen.values[there], seen.present[there])
            at = following

    def _step(self, row: _Row, seen: "_Seen", at: int, waits: Waits) -> None:
        time = float(seen.times[at])
        now = Now(wall=utc(time), steady=Steady(time))
        look = Look(
            labels=row.labels,
            value=float(seen.values[at]) if seen.present[at] else None,
            sight=CLEAR if seen.heard[at] else HELD,
            heard=now.steady,
            grace=GRACE,
            unclear=bool(seen.unclear[at]),
        )
        row.state, _ = step(row.state, look, now, waits)
        fires = row.state is not None and row.state.phase is not Phase.PENDING
        if fires and row.began is None:
            row.began, row.first = now.wall, look.value or 0.0
            row.peak = row.first
        elif not fires and row.began is not None:
            self.episodes.append(_episode(row, now.wall))
            row.began = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is seen of one series at each moment of a slice."""

    times: Floats
    values: Floats
    present: Bools
    unclear: Bools
    heard: Bools

    def reached(self, due: float | None, after: int) -> int:
        """Return the first place behind `after` whose time is `due` or later."""
        if due is None:
            return len(self.times)
        return max(after + 1, int(np.searchsorted(self.times, due - TINY)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turns:
    """The places at which something can happen to a series, by where it stands.

    begins: while it is idle.  ends: while it fires.  changes: while it waits.  size: of the slice.
    """

    begins: Ints
    ends: Ints
    changes: Ints
    size: int

    @classmethod
    def of(cls, seen: _Seen) -> "_Turns":
        """Find them."""
        held = seen.present | seen.unclear
        together = np.where(seen.present, 1, 2 * seen.unclear + 4 * seen.heard)
        return cls(
            begins=np.flatnonzero(seen.present),
            ends=np.flatnonzero(~held & seen.heard),
            changes=np.flatnonzero(np.diff(together)) + 1,
            size=len(seen.times),
        )

    def after(self, at: int, state: RuleState | None) -> int:
        """Return the first place behind `at` at which something can happen."""
        if state is None:
            turns = self.begins
        else:
            turns = self.ends if state.phase is Phase.FIRING else self.changes
        following = int(np.searchsorted(turns, at, side="right"))
        return int(turns[following]) if following < len(turns) else self.size


def _due(state: RuleState | None, waits: Waits) -> float | None:
    """Return when a wait ends, in Unix seconds; None where nothing is waited for."""
    if state is None or state.phase is Phase.FIRING:
        return None
    if state.blind_since is not None:
        return float(state.blind_since) + GRACE.total_seconds()
    wait = waits.hold if state.phase is Phase.PENDING else waits.keep_firing_for
    return float(state.waiting_since) + wait.total_seconds()


def _furthest(peak: float, values: Floats, present: Bools) -> float:
    there = values[present]
    if not len(there) or np.isnan(there).all():
        return peak
    value = float(there[np.nanargmax(np.abs(there))])
    return value if isnan(peak) or abs(value) > abs(peak) else peak


def _episode(row: _Row, end: datetime | None) -> Episode:
    assert row.began is not None
    return Episode(series=row.labels, start=row.began, end=end, first=row.first, peak=row.peak)


def _unclear(stretch: Slice) -> dict[Labels, Bools]:
    """Return for each series, less its name, the moments at which `clear_when` does not hold."""
    if stretch.clearance is None or stretch.clear is None:
        return {}
    clear = _by_series(stretch.clear)
    return {
        labels: present & ~clear[labels] if labels in clear else present
        for labels, present in _by_series(stretch.clearance).items()
    }


def _by_series(matrix: Matrix) -> dict[Labels, Bools]:
    named = zip(matrix.labels, matrix.present, strict=True)
    return {labels.without(NAME): present for labels, present in named}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the episodes of one rule come to. total: of all series together."""

    fired: int
    total: timedelta
    longest: timedelta
    firing_now: int
    series: tuple[tuple[Labels, int, timedelta], ...]


def figures(episodes: Sequence[Episode], until: datetime, *, most: int = 5) -> Figures:
    """Count episodes; `series`: the `most` that fired longest, with how often and how long."""
    lasted = [episode.lasted(until) for episode in episodes]
    by_series: dict[Labels, list[timedelta]] = {}
    for episode, span in zip(episodes, lasted, strict=True):
        by_series.setdefault(episode.series, []).append(span)
    rows = [(s, len(spans), sum(spans, timedelta())) for s, spans in by_series.items()]
    return Figures(
        fired=len(episodes),
        total=sum(lasted, timedelta()),
        longest=max(lasted, default=timedelta()),
        firing_now=sum(episode.end is None for episode in episodes),
        series=tuple(sorted(rows, key=lambda row: (-row[2], row[0])))[:most],
    )


def spans(start: float, end: float, pace: float, most: int) -> Iterable[tuple[float, float]]:
    """Cut the moments start, start + pace, ... up to end into stretches of at most `most`."""
    count = int((end - start) / pace + TINY) + 1
    for first in range(0, count, most):
        last = min(first + most, count) - 1
        yield start + first * pace, start + last * pace
