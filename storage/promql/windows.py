"""Raw samples laid end to end, and the windows over them: one search for all series and steps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.model.sample import Bools, Floats, Ints, Selection, is_stale
from storage.promql.sums import add_up
from storage.promql.values import Frame

Numeric = TypeVar("Numeric", np.float64, np.int64)

CHUNK = 2_000_000
"""Samples copied out at once where a function needs each window's samples side by side."""

BLOCK = 500_000
"""Windows laid out at once; bounds the memory of a long range query."""


@dataclass(frozen=True, slots=True)
class Flat:
    """Samples of all series in one row: those of series r are at `starts[r]:starts[r + 1]`.

    times: Unix milliseconds, strictly ascending within a series.
    """

    labels: tuple[Labels, ...]
    times: Ints
    values: Floats
    starts: Ints

    @classmethod
    def of(cls, selection: Selection, *, stale: bool) -> "Flat":
        """Unpack a selection; staleness markers are kept only where `stale` is True."""
        width, count = selection.times.shape[1], selection.count
        if len(count) and count.min() == width:
            times, values = selection.times.ravel(), selection.values.ravel()
        else:
            real = np.arange(width) < count[:, None]
            times, values = selection.times[real], selection.values[real]
        starts = _starts(count)
        if not stale and (ended := is_stale(np.ascontiguousarray(values))).any():
            kept = ~ended
            starts = np.concatenate(([0], np.cumsum(kept)))[starts]
            times, values = times[kept], values[kept]
        stamps = times * 1000.0
        return cls(selection.labels, np.rint(stamps, out=stamps).astype(np.int64), values, starts)

    @classmethod
    def of_frame(cls, frame: Frame, times: Ints) -> "Flat":
        """Lay out what a subquery gave at `times`."""
        spread = np.broadcast_to(times, frame.values.shape)
        present = frame.present
        starts = _starts(present.sum(axis=1))
        return cls(frame.labels, spread[present], frame.values[present], starts)

    def before(self, moments: Ints) -> Ints:
        """Return (series, moments): one past the index of the last sample at or before each."""
        if not len(self.times):
            return np.zeros((len(self.labels), len(moments)), dtype=np.int64)
        base, newest = int(self.times.min()), int(self.times.max())
        if (edges := self._all_or_nothing(moments, base, newest)) is not None:
            return edges
        if (edges := self._counted(moments)) is not None:
            return edges
        width = newest - base + 2
        rows = np.arange(len(self.labels), dtype=np.int64)
        keys = np.repeat(rows, np.diff(self.starts)) * width + (self.times - base + 1)
        asked = rows[:, None] * width + np.clip(moments - base + 1, 0, width - 1)
        return np.searchsorted(keys, asked.ravel(), side="right").reshape(asked.shape)

    def _counted(self, moments: Ints) -> Ints | None:
        """Answer `before` by counting the samples of each step; None where there is no even grid.

        That is three times as quick as a search for each moment, unless most samples lie between
        two of them.
        """
        steps, many = np.diff(moments), 4 * len(self.labels) * len(moments)
        if len(moments) < 2 or steps[0] <= 0 or np.any(steps != steps[0]) or len(self.times) > many:
            return None
        width = len(moments) + 1
        step = np.clip(-((moments[0] - self.times) // steps[0]), 0, len(moments))
        step += np.repeat(np.arange(len(self.labels)) * width, np.diff(self.starts))
        seen = np.bincount(step, minlength=len(self.labels) * width).reshape(-1, width)[:, :-1]
        return np.cumsum(seen, axis=1) + self.starts[:-1, None]

    def _all_or_nothing(self, moments: Ints, oldest: int, newest: int) -> Ints | None:
        """Answer `before` where each moment lies before or after all samples; else None.

        So it is in an instant query, for which just its one window was loaded.
        """
        after = moments >= newest
        if not np.all(after | (moments < oldest)):
            return None
        if len(moments) == 1:
            return (self.starts[1:] if after[0] else self.starts[:-1])[:, None]
        return np.where(after, self.starts[1:, None], self.starts[:-1, None])

    def rows(self, begin: int, end: int) -> "Flat":
        """Return the series from `begin` up to `end`."""
        if begin == 0 and end >= len(self.labels):
            return self
        starts = self.starts[begin : end + 1]
        part = slice(int(starts[0]), int(starts[-1]))
        return Flat(self.labels[begin:end], self.times[part], self.values[part], starts - starts[0])


def _starts(counts: Ints) -> Ints:
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Windows:
    """For each series and step the samples in (until - length, until].

    first, end: (series, steps) the window is `flat.values[first:end]`.
    until:      (steps,) Unix ms, where the windows end.
    asked:      (steps,) Unix ms, the moments of evaluation; `offset` and `@` set them apart.
    """

    flat: Flat
    first: Ints
    end: Ints
    until: Ints
    asked: Ints
    length_ms: int

    @classmethod
    def over(cls, flat: Flat, until: Ints, asked: Ints, length_ms: int) -> "Windows":
        """Find the windows of every series that end at `until`."""
        return cls(
            flat, flat.before(until - length_ms), flat.before(until), until, asked, length_ms
        )

    @property
    def labels(self) -> tuple[Labels, ...]:
        """The labels of the series."""
        return self.flat.labels

    @property
    def count(self) -> Ints:
        """How many samples each window holds: (series, steps)."""
        return self.end - self.first

    def values_at(self, where: Ints) -> Floats:
        """Return the value at an index for each window; rubbish where it points outside."""
        if not len(self.flat.values):
            return np.zeros(where.shape)
        return self.flat.values.take(where, mode="clip")

    def times_at(self, where: Ints) -> Ints:
        """Return the time at an index for each window, Unix ms; rubbish where it points outside."""
        if not len(self.flat.times):
            return np.zeros(where.shape, dtype=np.int64)
        return self.flat.times.take(where, mode="clip")

    def fold(self, operation: np.ufunc, what: Floats, skip: int = 0) -> Floats:
        """Reduce `what[first + skip:end]` in each window; rubbish in windows too short for it."""
        ends = np.maximum(self.end, self.first)
        begins = np.minimum(self.first + skip, ends)
        if not skip and begins.size and self._side_by_side(begins.ravel(), ends.ravel()):
            folded = operation.reduceat(what, begins.ravel())
        else:
            pairs = np.stack((begins, ends), axis=-1).ravel()
            folded = operation.reduceat(np.append(what, what.dtype.type(0)), pairs)[::2]
        return np.asarray(folded, dtype=np.float64).reshape(self.first.shape)

    def _side_by_side(self, begins: Ints, ends: Ints) -> bool:
        """Say whether the windows, none of them empty, follow one another and take all samples."""
        return bool(
            ends[-1] == len(self.flat.values)
            and np.array_equal(begins[1:], ends[:-1])
            and np.all(begins < ends)
        )

    def total(self) -> tuple[Floats, Floats]:
        """Add up each window: (sums, what rounding took from them); 0 in an empty window."""
        values, each = self.flat.values, np.diff(self.flat.starts)
        some = each > 0
        most = (
            np.fmax.reduceat(np.abs(values), self.flat.starts[:-1][some]) if some.any() else values
        )
        sums, lost = add_up(
            values,
            most,
            int(self.count.max(initial=0)),
            spread=lambda of_series: np.repeat(of_series, each[some]),
            fold=lambda what: np.where(self.count > 0, self.fold(np.add, what), 0.0),
        )
        return sums, lost

    def each(self, least: int, judge: "Callable[[Chunk], Floats]") -> Floats:
        """Apply `judge` to all windows of `least` samples or more; NaN for the others."""
        found = np.full(self.first.size, np.nan)
        for chunk in self._chunks(least):
            with np.errstate(all="ignore"):
                found[chunk.windows] = judge(chunk)
        return found.reshape(self.first.shape)

    def _chunks(self, least: int) -> "Iterator[Chunk]":
        counts, firsts = self.count.ravel(), self.first.ravel()
        chosen = np.flatnonzero(counts >= max(least, 1))
        filled = np.cumsum(counts[chosen]) // CHUNK
        for part in np.split(chosen, np.flatnonzero(np.diff(filled)) + 1):
            if part.size:
                count = counts[part]
                starts = _starts(count)[:-1]
                within = np.arange(count.sum()) - np.repeat(starts, count)
                place = np.repeat(firsts[part], count) + within
                yield Chunk(part, self.flat.times[place], self.flat.values[place], starts, count)


Judged = tuple[Floats, Bools]
"""Values and presence, both (series, steps)."""


@dataclass(frozen=True, slots=True)
class Ranged:
    """A range vector at every step, its windows not laid out yet.

    until, asked, length_ms: as in Windows.
    """

    flat: Flat
    until: Ints
    asked: Ints
    length_ms: int

    def windows(self, begin: int = 0, end: int | None = None) -> Windows:
        """Lay out the windows of the series from `begin` up to `end`."""
        stop = len(self.flat.labels) if end is None else min(end, len(self.flat.labels))
        flat = self.flat.rows(begin, stop)
        return Windows.over(flat, self.until, self.asked, self.length_ms)

    def judge(self, function: Callable[[Windows], Judged], most: int) -> Judged:
        """Apply `function` to all windows, some series at a time so that memory stays small.

        Raises QueryError where the windows hold more than `most` samples together.
        """
        shape, scanned = (len(self.flat.labels), len(self.until)), 0
        values, present = np.empty(shape), np.empty(shape, dtype=np.bool_)
        at_once = max(1, BLOCK // max(1, len(self.until)))
        for begin in range(0, shape[0], at_once):
            windows = self.windows(begin, begin + at_once)
            scanned += int(windows.count.sum())
            if scanned > most:
                raise QueryError(
                    f"the windows hold more than {most} samples together; "
                    "take a longer step, a shorter range or fewer series"
                )
            rows = slice(begin, begin + at_once)
            values[rows], present[rows] = function(windows)
        return values, present


@dataclass(frozen=True, slots=True)
class Chunk:
    """The samples of some windows, copied out one window after the other.

    windows:       which windows these are, counted over (series, steps) row by row.
    times, values: the samples; those of window i begin at `starts[i]` and are `count[i]`.
    """

    windows: Ints
    times: Ints
    values: Floats
    starts: Ints
    count: Ints

    def spread(self, of_window: npt.NDArray[Numeric]) -> npt.NDArray[Numeric]:
        """Repeat a value of each window for each of its samples."""
        return np.repeat(of_window, self.count)

    def add(self, what: Floats) -> Floats:
        """Add `what` up within each window."""
        added: Floats = np.add.reduceat(what, self.starts)
        return added

    def of_step(self, values: npt.NDArray[Numeric]) -> npt.NDArray[Numeric]:
        """Choose, for each window, the entry of its step from (steps,) values."""
        return values[self.windows % len(values)]
