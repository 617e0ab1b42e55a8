"""How counters and gauges grew within a window: rate, increase, delta and their kin."""

import numpy as np

from storage.model.sample import Floats
from storage.promql.windows import Judged, Windows


def increase(windows: Windows) -> Judged:
    """Say how much each counter grew in the window; a drop is a reset to zero."""
    return _extrapolated(windows, counter=True), windows.count >= 2


def rate(windows: Windows) -> Judged:
    """Say how much each counter grew a second."""
    grown, present = increase(windows)
    return grown / (windows.length_ms / 1000.0), present


def delta(windows: Windows) -> Judged:
    """Say how much each gauge changed in the window."""
    return _extrapolated(windows, counter=False), windows.count >= 2


def _extrapolated(windows: Windows, *, counter: bool) -> Floats:
    """Return the growth within each window, by PromQL's own arithmetic; rubbish under 2 samples.

    What was measured is stretched to the window's edges: all the way over a gap under 1.1
    sample intervals, else by half an interval; for a counter, on the left never past the
    moment it would have been zero.
    Source: Prometheus 3, promql/functions.go, extrapolatedRate (floats, no start timestamps).
    """
    first, last = windows.first, windows.end - 1
    oldest, newest = windows.values_at(first), windows.values_at(last)
    with np.errstate(all="ignore"):
        growth = newest - oldest
        if counter:
            growth = growth + _lost_by_resets(windows)
        begin, finish = windows.times_at(first), windows.times_at(last)
        covered = (finish - begin) / 1000.0
        interval = covered / (windows.count - 1)
        left = (begin - (windows.until - windows.length_ms)) / 1000.0
        right = (windows.until - finish) / 1000.0
        left = np.where(left < 1.1 * interval, left, interval / 2)
        right = np.where(right < 1.1 * interval, right, interval / 2)
        if counter:
            to_zero = np.where((growth > 0) & (oldest >= 0), covered * (oldest / growth), np.inf)
            left = np.minimum(left, to_zero)
        return np.asarray(growth * ((covered + left + right) / covered))


def _lost_by_resets(windows: Windows) -> Floats:
    """Return what the counter had reached before each drop, added up over the window."""
    values, starts = windows.flat.values, windows.flat.starts
    drops = values[1:] < values[:-1]
    firsts = starts[1:-1]
    drops[firsts[(firsts > 0) & (firsts < len(values))] - 1] = False  # another series begins
    if not drops.any():
        return np.zeros(windows.first.shape)
    fell = np.zeros(len(values))
    fell[1:][drops] = values[:-1][drops]
    return np.where(windows.count >= 2, windows.fold(np.add, fell, skip=1), 0.0)


def resets(windows: Windows) -> Judged:
    """Count how often each counter fell."""
    values = windows.flat.values
    fell = np.zeros(len(values))
    fell[1:] = values[1:] < values[:-1]
    return _count_after_first(windows, fell)


def changes(windows: Windows) -> Judged:
    """Count how often each value changed; from NaN to NaN is no change."""
    values = windows.flat.values
    changed = np.zeros(len(values))
    both_nan = np.isnan(values[1:]) & np.isnan(values[:-1])
    changed[1:] = (values[1:] != values[:-1]) & ~both_nan
    return _count_after_first(windows, changed)


def _count_after_first(windows: Windows, marks: Floats) -> Judged:
    counted = np.where(windows.count >= 2, windows.fold(np.add, marks, skip=1), 0.0)
    return counted, windows.count >= 1


def irate(windows: Windows) -> Judged:
    """Say how much each counter grew a second between the last two samples."""
    older, newer, seconds = _last_two(windows)
    with np.errstate(all="ignore"):
        grown = np.where(newer < older, newer, newer - older)
        return grown / seconds, windows.count >= 2


def idelta(windows: Windows) -> Judged:
    """Say how much each gauge changed between the last two samples."""
    older, newer, _ = _last_two(windows)
    with np.errstate(all="ignore"):
        return newer - older, windows.count >= 2


def _last_two(windows: Windows) -> tuple[Floats, Floats, Floats]:
    older, newer = windows.end - 2, windows.end - 1
    seconds = (windows.times_at(newer) - windows.times_at(older)) / 1000.0
    return windows.values_at(older), windows.values_at(newer), seconds
