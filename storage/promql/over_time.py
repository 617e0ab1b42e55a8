"""One number from each window: `*_over_time`, `deriv`, `predict_linear`."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from storage.model.sample import Floats, Ints, is_stale
from storage.promql import counters
from storage.promql.windows import Chunk, Judged, Windows

HUGE = 64
"""Binary places by which values are scaled down where their plain sum overflows."""


def total(windows: Windows) -> Judged:
    """Add the window up."""
    return windows.total()[0], windows.count > 0


def average(windows: Windows) -> Judged:
    """Return the mean; also where the plain sum would overflow."""
    with np.errstate(all="ignore"):
        sums, taken = windows.total()
        means = sums / windows.count + taken / windows.count
        lost = ~np.isfinite(means) & (windows.count > 0)
        if lost.any():
            small = windows.fold(np.add, np.ldexp(windows.flat.values, -HUGE))
            means = np.where(lost, np.ldexp(small / windows.count, HUGE), means)
    return means, windows.count > 0


def least(windows: Windows) -> Judged:
    """Return the smallest value; NaN only where there is nothing else."""
    return windows.fold(np.fmin, windows.flat.values), windows.count > 0


def greatest(windows: Windows) -> Judged:
    """Return the greatest value; NaN only where there is nothing else."""
    return windows.fold(np.fmax, windows.flat.values), windows.count > 0


def count(windows: Windows) -> Judged:
    """Count the samples."""
    return windows.count.astype(np.float64), windows.count > 0


def last(windows: Windows) -> Judged:
    """Return the newest value."""
    return windows.values_at(windows.end - 1), windows.count > 0


def newest(windows: Windows) -> Judged:
    """Return what an instant vector shows: the newest value, unless that marks the series' end."""
    values, present = last(windows)
    return values, present & ~is_stale(values)


def time_of_newest(windows: Windows) -> Judged:
    """Return when the newest value was sampled, Unix seconds, where `newest` shows it."""
    return windows.times_at(windows.end - 1) / 1000.0, newest(windows)[1]


def is_there(windows: Windows) -> Judged:
    """Return 1 wherever there is a sample."""
    return np.ones(windows.count.shape), windows.count > 0


def variance(windows: Windows) -> Judged:
    """Return the population variance."""
    return windows.each(1, _variance), windows.count > 0


def deviation(windows: Windows) -> Judged:
    """Return the population standard deviation."""
    found, present = variance(windows)
    return np.sqrt(found), present


def _variance(chunk: Chunk) -> Floats:
    """Measure from the first value, so that what never changes has no variance at all."""
    beyond = chunk.values - chunk.spread(chunk.values[chunk.starts])
    away = beyond - chunk.spread(chunk.add(beyond) / chunk.count)
    return np.asarray(chunk.add(away * away) / chunk.count)


def quantile(windows: Windows, wanted: Floats) -> Judged:
    """Return the `wanted` (steps,) quantile of each window, between samples by a straight line."""

    def judge(chunk: Chunk) -> Floats:
        owner = chunk.spread(np.arange(len(chunk.count)))
        nan = np.isnan(chunk.values)
        order = np.lexsort((np.where(nan, -np.inf, chunk.values), ~nan, owner))
        return at_rank(chunk.values[order], chunk.starts, chunk.count, chunk.of_step(wanted))

    return windows.each(1, judge), windows.count > 0


def at_rank(ascending: Floats, starts: Ints, count: Ints, wanted: Floats) -> Floats:
    """Return the `wanted` quantile of each run of sorted values.

    Below 0 it is -Inf, above 1 it is +Inf, and NaN for NaN.
    Source: Prometheus 3, promql/quantile.go, quantile.
    """
    rank = np.where(np.isnan(wanted), 0.0, np.clip(wanted, 0.0, 1.0)) * (count - 1)
    lower = np.floor(rank).astype(np.int64)
    upper = np.minimum(lower + 1, count - 1).astype(np.int64)
    weight = rank - lower
    between = ascending[starts + lower] * (1 - weight) + ascending[starts + upper] * weight
    beyond = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, between))
    return np.asarray(np.where(np.isnan(wanted), np.nan, beyond))


def slope(windows: Windows) -> Judged:
    """Return how much each gauge changes a second, by least squares."""

    def judge(chunk: Chunk) -> Floats:
        return _line(chunk, chunk.times[chunk.starts])[0]

    return windows.each(2, judge), windows.count >= 2


def predicted(windows: Windows, seconds: Floats) -> Judged:
    """Return what each gauge will be `seconds` (steps,) after the moment of evaluation."""

    def judge(chunk: Chunk) -> Floats:
        steepness, now = _line(chunk, chunk.of_step(windows.asked))
        return steepness * chunk.of_step(seconds) + now

    return windows.each(2, judge), windows.count >= 2


def _line(chunk: Chunk, zero: Ints) -> tuple[Floats, Floats]:
    """Fit a line: (slope a second, value at the moment `zero`). Values are centred first."""
    seconds = (chunk.times - chunk.spread(zero)) / 1000.0
    middle, mean = chunk.add(seconds) / chunk.count, chunk.add(chunk.values) / chunk.count
    x, y = seconds - chunk.spread(middle), chunk.values - chunk.spread(mean)
    steepness = chunk.add(x * y) / chunk.add(x * x)
    initial = chunk.values[chunk.starts]
    flat = np.logical_and.reduceat(chunk.values == chunk.spread(initial), chunk.starts)
    level = flat & np.isfinite(initial)
    steepness = np.where(level, 0.0, np.where(flat, np.nan, steepness))
    return steepness, np.where(level, initial, mean - steepness * middle)


OF_WINDOW: Final[Mapping[str, Callable[[Windows], Judged]]] = {
    "avg_over_time": average,
    "changes": counters.changes,
    "count_over_time": count,
    "delta": counters.delta,
    "deriv": slope,
    "idelta": counters.idelta,
    "increase": counters.increase,
    "irate": counters.irate,
    "last_over_time": last,
    "max_over_time": greatest,
    "min_over_time": least,
    "present_over_time": is_there,
    "rate": counters.rate,
    "resets": counters.resets,
    "stddev_over_time": deviation,
    "stdvar_over_time": variance,
    "sum_over_time": total,
}
"""The functions of one range vector and nothing else, by name."""

OF_WINDOW_AND_NUMBER: Final[Mapping[str, Callable[[Windows, Floats], Judged]]] = {
    "predict_linear": predicted,
    "quantile_over_time": quantile,
}
"""The functions of a range vector and one number a step."""
