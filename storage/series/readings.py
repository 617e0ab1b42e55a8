"""Flat readings out of head and segments, and how they become one packed answer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from storage.model.labels import Labels
from storage.model.sample import Bools, Floats, Ints, Selection

FIRST_MS, LAST_MS = -(2**62), 2**62


@dataclass(frozen=True, slots=True)
class Readings:
    """Samples of several series, flat: three arrays of one length, in any order.

    rows: which of the asked-for series a sample belongs to.  times: Unix milliseconds.
    """

    rows: Ints
    times: Ints
    values: Floats

    @classmethod
    def none(cls) -> "Readings":
        """Return no readings."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    @classmethod
    def together(cls, parts: Sequence["Readings"]) -> "Readings":
        """Put parts behind one another, keeping their order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.rows for part in parts] or [np.empty(0, np.int64)]),
            np.concatenate([part.times for part in parts] or [np.empty(0, np.int64)]),
            np.concatenate([part.values for part in parts] or [np.empty(0)]),
        )

    def where(self, keep: Bools | Ints) -> "Readings":
        """Return the readings that `keep` marks (one bool a reading) or names (by place)."""
        return Readings(self.rows[keep], self.times[keep], self.values[keep])


def last_ms_until(seconds: float) -> int:
    """Return the last millisecond whose time, as float seconds, is not after `seconds`.

    So that `(start, end]` cuts exactly where comparing the float times would.

    >>> last_ms_until(1700000000.1), last_ms_until(float("inf")) == LAST_MS
    (1700000000100, True)
    """
    if not abs(seconds) < LAST_MS / 1000:
        return LAST_MS if seconds > 0 else FIRST_MS
    guess = math.floor(seconds * 1000) - 1
    while (guess + 1) / 1000 <= seconds:
        guess += 1
    return guess


def pack(readings: Readings, labels_of: Callable[[Ints], tuple[Labels, ...]]) -> Selection:
    """Sort readings by row and time into a matrix; rows without readings are left out.

    Where two parts hold the same (row, time), the one that stands first in `readings` wins.
    labels_of: from the rows that are left to their labels.
    """
    if not len(readings.rows):
        return Selection.empty()
    readings = _sorted(readings)
    first = np.flatnonzero(np.append(True, np.diff(readings.rows) != 0))
    count = np.diff(np.append(first, len(readings.rows)))
    shape = (len(first), int(count.max()))
    labels = labels_of(readings.rows[first])
    if int(count.min()) == shape[1]:
        times = (readings.times / 1000).reshape(shape)
        return Selection(
            labels=labels, times=times, values=readings.values.reshape(shape), count=count
        )
    real = np.arange(shape[1]) < count[:, None]
    packed_times, packed_values = np.zeros(shape), np.zeros(shape)
    packed_times[real], packed_values[real] = readings.times / 1000, readings.values
    return Selection(labels=labels, times=packed_times, values=packed_values, count=count)


def last_of_each(readings: Readings) -> Readings:
    """Return the newest reading of each row; of two at the same time the first in `readings`."""
    if not len(readings.rows):
        return readings
    ordered = _sorted(readings)
    return ordered.where(np.append(np.diff(ordered.rows) != 0, True))


def _sorted(readings: Readings) -> Readings:
    """Return the readings by row and time, of those of one row and time only the first.

    Mostly they are in this order already, or come in parts that follow one another in time: then
    it is enough to lay the samples of each row together.
    """
    if _in_order(readings):
        return readings
    most = int(readings.rows.max())
    # Of 16 bits numpy sorts by counting, which is ten times as quick.
    order = np.argsort(
        readings.rows.astype(np.uint16 if most < 1 << 16 else np.int64), kind="stable"
    )
    ordered = readings.where(order)
    if _in_order(ordered):
        return ordered
    order = np.lexsort((readings.times, readings.rows))  # stable: the first of equals stays first
    ordered = readings.where(order)
    again = (np.diff(ordered.rows) == 0) & (np.diff(ordered.times) == 0)
    return ordered.where(np.append(True, ~again)) if again.any() else ordered


def _in_order(readings: Readings) -> bool:
    """Say whether rows ascend, and within each row the times, none of them twice."""
    rows, times = readings.rows, readings.times
    same = rows[1:] == rows[:-1]
    return bool(np.all((rows[1:] > rows[:-1]) | (same & (times[1:] > times[:-1]))))
