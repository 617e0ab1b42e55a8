"""The hot head: samples that are not sealed yet, in numpy.

Each window of time (as long as one segment) has its own `Window`, which only ever grows and is
dropped whole when its segment stands on disk. Inside, samples lie in the order of their arrival
in chunks of 32; each series knows its last chunk, each chunk the one before. So a batch of many
series goes in by a few array operations, and a reader needs the lock only to note how much of
each series there is: what lies below that mark never changes or moves, even when the window is
dropped meanwhile. Late samples are simply further back in arrival; readers sort.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.model.sample import Bools, Floats, Ints
from storage.series.readings import FIRST_MS, Readings

Places = npt.NDArray[np.integer[Any]]

CHUNK = 32  # samples
SLAB = 4096  # chunks: 1 MiB of times and as much of values, touched only as it fills
AT_ONCE = 2048  # chunks that are read at once: what fits into the processor's cache


def grown(column: npt.NDArray[Any], length: int, fill: int) -> npt.NDArray[Any]:
    """Return `column`, or a longer copy of it where it is shorter than `length`."""
    if len(column) >= length:
        return column
    longer = np.full(max(length, 2 * len(column), 64), fill, dtype=column.dtype)
    longer[: len(column)] = column
    return longer


class Window:
    """The samples of one window of time, by series number.

    start:     Unix milliseconds; it holds times from `start` until the window's end.
    closed_at: the journal position up to which the window is complete; None while it is open.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.closed_at: int | None = None
        self.samples = 0
        self._chunks = 0
        self._last = np.empty(0, dtype=np.int32)  # by series: its last chunk
        self._count = np.empty(0, dtype=np.int32)  # by series: its samples
        self._before = np.empty(0, dtype=np.int32)  # by chunk: the series' chunk before it
        self._reach = np.empty(0, dtype=np.int64)  # by chunk: newest time in it and all before
        self._times: list[Ints] = []  # slabs of (SLAB, CHUNK)
        self._values: list[Floats] = []

    def put(self, numbers: Ints, times: Ints, values: Floats) -> None:
        """Append samples; `numbers` ascend, those of one series in the order they came."""
        if not len(numbers):
            return
        self._last = grown(self._last, int(numbers[-1]) + 1, -1)
        self._count = grown(self._count, int(numbers[-1]) + 1, 0)
        lead = np.ones(len(numbers), dtype=np.bool_)
        lead[1:] = numbers[1:] != numbers[:-1]
        first = np.flatnonzero(lead)
        size = np.diff(np.append(first, len(numbers)))
        place = np.arange(len(numbers)) - np.repeat(first, size) + self._count[numbers]
        fresh = place % CHUNK == 0
        reached = self._reached(numbers, times, lead)
        chunk = self._chunk_of(numbers, lead, fresh)
        self._reach = grown(self._reach, self._chunks, FIRST_MS)
        np.maximum.at(self._reach, chunk, reached)
        slab, cell = chunk // SLAB, chunk % SLAB
        for number in _distinct(slab):
            here = slab == number
            self._times[number][cell[here], place[here] % CHUNK] = times[here]
            self._values[number][cell[here], place[here] % CHUNK] = values[here]
        self._last[numbers[np.append(first[1:], len(numbers)) - 1]] = chunk[
            np.append(first[1:], len(numbers)) - 1
        ]
        self._count[numbers[first]] += size.astype(np.int32)
        self.samples += len(numbers)

    def _reached(self, numbers: Ints, times: Ints, lead: Bools) -> Ints:
        """Return for each sample the newest time of its series up to it, in this window.

        A running maximum that restarts at each series, since each gets a range of its own: its
        position times the span of all times.
        """
        oldest = int(times.min())
        floor = (np.cumsum(lead) - 1) * (int(times.max()) - oldest + 1) - oldest
        running: Ints = np.maximum.accumulate(times + floor) - floor
        last = self._last[numbers]
        if not len(self._reach):
            return running
        return np.where(last >= 0, np.maximum(running, self._reach[last]), running)

    def _chunk_of(self, numbers: Ints, lead: Bools, fresh: Bools) -> Ints:
        """Say for each sample in which chunk it goes; `fresh` ones start a new chunk."""
        known = np.where(lead, self._last[numbers], -1).astype(np.int64)
        chunk = np.where(fresh, self._chunks + np.cumsum(fresh) - 1, known)
        says = np.where(fresh | lead, np.arange(len(numbers)), 0)
        filled = chunk[np.maximum.accumulate(says)]
        previous = np.where(lead, known, np.concatenate(([-1], filled[:-1])))[fresh]
        before = grown(self._before, self._chunks + len(previous), -1)
        before[self._chunks : self._chunks + len(previous)] = previous
        self._before = before
        self._chunks += len(previous)
        while len(self._times) * SLAB < self._chunks:
            self._times.append(np.empty((SLAB, CHUNK), dtype=np.int64))
            self._values.append(np.empty((SLAB, CHUNK)))
        return filled

    def held(self) -> Ints:
        """Return the numbers of the series that have samples here, ascending."""
        return np.flatnonzero(self._count)

    def slices(self, numbers: Ints, samples: int) -> Iterator[Ints]:
        """Cut these series, in this order, into runs of about so many samples."""
        run = (np.cumsum(self._count[numbers], dtype=np.int64) - 1) // samples
        yield from np.split(numbers, np.flatnonzero(np.diff(run)) + 1)

    def mark(self, numbers: Ints) -> "Mark":
        """Note how much of each series there is now; to be called under the head's lock."""
        rows = np.flatnonzero(numbers < len(self._count))
        count = self._count[numbers[rows]]
        rows, count = rows[count > 0], count[count > 0]
        last = self._last[numbers[rows]]
        return Mark(rows, last, count, self._before, self._reach, self._times, self._values)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a window held of some series at one moment; may be read without any lock."""

    rows: Ints
    last: npt.NDArray[np.int32]
    count: npt.NDArray[np.int32]
    before: npt.NDArray[np.int32]
    reach: Ints
    times: list[Ints]
    values: list[Floats]

    def last_arrived(self) -> Readings:
        """Return of each series the sample that arrived last."""
        cell = (self.count - 1) % CHUNK
        times = _picked(self.times, self.last, cell)
        return Readings(self.rows, times, _picked(self.values, self.last, cell))

    def read(self, after: int, until: int) -> Readings:
        """Return the samples with times in (after, until] milliseconds, row by row."""
        rows, chunk, fill = self._chunks(after)
        parts: list[Readings] = []
        for begin in range(0, len(rows), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            width = int(fill[part].max())
            times = _cells(self.times, chunk[part], width)
            values = _cells(self.values, chunk[part], width)
            real = np.arange(width) < fill[part, None]
            real &= (times > after) & (times <= until)
            found = np.repeat(rows[part], np.count_nonzero(real, axis=1))
            parts.append(Readings(found, times[real], values[real]))
        return Readings.together(parts)

    def _chunks(self, after: int) -> tuple[Ints, Places, Places]:
        """Return the chunks in which there may be samples after `after`: rows, chunks, samples.

        They stand row by row, those of a row in the order in which they were filled.
        """
        rows: Ints = self.rows
        chunk: Places = self.last
        fill: Places = (self.count - 1) % CHUNK + 1
        levels: list[tuple[Ints, Places, Places]] = []
        while True:
            near = self.reach[chunk] > after
            if not near.all():
                rows, chunk, fill = rows[near], chunk[near], fill[near]
            if not len(rows):
                break
            levels.append((rows, chunk, fill))
            earlier = self.before[chunk]
            rows, chunk = rows[earlier >= 0], earlier[earlier >= 0]
            fill = np.full(len(rows), CHUNK)
        if len(levels) == 1:
            return levels[0]
        if not levels:
            return rows, chunk, fill
        levels.reverse()
        columns = [np.concatenate(column) for column in zip(*levels, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        found, chunks, fills = (column[order] for column in columns)
        return found, chunks, fills


def _distinct(small: npt.NDArray[Any]) -> list[int]:
    """Return these small numbers, each once; `np.unique` would load masked arrays, 1 MiB."""
    found: list[int] = np.flatnonzero(np.bincount(small)).tolist()
    return found


def _picked(
    slabs: list[npt.NDArray[Any]], chunk: npt.NDArray[Any], cell: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return one cell of each of these chunks."""
    found = np.empty(len(chunk), dtype=slabs[0].dtype if slabs else np.int64)
    slab, place = chunk // SLAB, chunk % SLAB * CHUNK + cell
    for number in _distinct(slab):
        here = slab == number
        found[here] = slabs[number].ravel()[place[here]]
    return found


def _cells(slabs: list[npt.NDArray[Any]], chunk: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """Return the first `width` cells of the chunks with these numbers, one chunk a row.

    Chunks that were begun together lie side by side: then nothing is copied.
    """
    slab, cell = chunk // SLAB, chunk % SLAB
    first, last = int(chunk[0]), int(chunk[-1])
    if slab[0] == slab[-1] and last - first == len(chunk) - 1 and (np.diff(chunk) == 1).all():
        return slabs[int(slab[0])][first % SLAB : last % SLAB + 1, :width]
    numbers = _distinct(slab)
    cells = np.empty((len(chunk), width), dtype=slabs[0].dtype)
    for number in numbers:
        here = slab == number
        cells[here] = slabs[number][cell[here], :width]
    return cells


class Head:
    """All windows that are not sealed yet, and the newest time of every series.

    One thread writes; any thread may read. `lock` also guards the step from head to segment.
    """

    def __init__(self, window_ms: int) -> None:
        self.lock = Lock()
        self._window_ms = window_ms
        self._open: dict[int, Window] = {}
        self._closed: list[Window] = []
        self._newest = np.empty(0, dtype=np.int64)

    @property
    def samples(self) -> int:
        """How many samples wait to be sealed."""
        return sum(window.samples for window in self._windows())

    @property
    def oldest(self) -> int | None:
        """The start of the oldest window that is not sealed, Unix milliseconds."""
        return min((window.start for window in self._windows()), default=None)

    def newest(self, numbers: Ints) -> Ints:
        """Return the newest time of each series, sealed ones included; FIRST_MS: none yet."""
        times = np.full(len(numbers), FIRST_MS)
        known = numbers < len(self._newest)
        times[known] = self._newest[numbers[known]]
        return times

    def note_newest(self, numbers: Ints, times: Ints) -> None:
        """Remember that these series have samples as new as these times."""
        if len(numbers):
            self._newest = grown(self._newest, int(numbers.max()) + 1, FIRST_MS)
            np.maximum.at(self._newest, numbers, times)

    def put(self, numbers: Ints, times: Ints, values: Floats) -> None:
        """Take in samples that are on disk; they have been checked, no (series, time) is twice."""
        order = np.argsort(numbers, kind="stable")
        numbers, times, values = numbers[order], times[order], values[order]
        which = times // self._window_ms
        first = int(which.min()) if len(which) else 0
        with self.lock:
            for number in _distinct(which - first):
                here = which == first + number
                start = (first + number) * self._window_ms
                window = self._open.setdefault(start, Window(start))
                window.put(numbers[here], times[here], values[here])
            self.note_newest(numbers, times)

    def marks(self, numbers: Ints, after: int, until: int) -> list[Mark]:
        """Note what there is of these series in (after, until]; call it holding `lock`."""
        return [
            window.mark(numbers)
            for window in self._windows()
            if window.start <= until and window.start + self._window_ms > after
        ]

    def last_arrived(self, numbers: Ints, after: int, until: int) -> tuple[Readings, Ints]:
        """Return of each series its newest sample, where that is known at once to be in the time.

        Those rows of `numbers` that may have an older sample in (after, until], or one that is
        sealed, are returned too: they must be read.
        """
        with self.lock:
            newest = self.newest(numbers)
            marks = self.marks(numbers, after, until)
        found = Readings.together([mark.last_arrived() for mark in marks])
        found = found.where(newest[found.rows] == found.times)
        inside = (newest > after) & (newest <= until)
        found = found.where(inside[found.rows])
        rest = newest > after
        rest[found.rows] = False
        return found, np.flatnonzero(rest)

    def holds(self, numbers: Ints, times: Ints) -> Bools:
        """Say for each (series, time) whether the head has a sample of it."""
        if not len(numbers):
            return np.empty(0, dtype=np.bool_)
        asked, row = np.unique(numbers, return_inverse=True)
        with self.lock:
            marks = self.marks(asked, int(times.min()) - 1, int(times.max()))
        found = Readings.together(
            [mark.read(int(times.min()) - 1, int(times.max())) for mark in marks]
        )
        moments, rank = np.unique(np.concatenate((times, found.times)), return_inverse=True)
        key = np.concatenate((row, found.rows)) * len(moments) + rank
        return np.isin(key[: len(times)], key[len(times) :])

    def close_windows(self, before: int, position: int) -> list[Window]:
        """Close windows that end at or before `before`; return all closed ones, oldest first.

        A window closed earlier that could not be written then is returned again.
        """
        with self.lock:
            for start in sorted(self._open):
                if start + self._window_ms <= before:
                    window = self._open.pop(start)
                    window.closed_at = position
                    self._closed.append(window)
            return list(self._closed)

    def drop(self, window: Window) -> None:
        """Forget a window whose segment stands on disk; call it holding `lock`."""
        self._closed.remove(window)

    def _windows(self) -> list[Window]:
        return [*self._closed, *self._open.values()]
