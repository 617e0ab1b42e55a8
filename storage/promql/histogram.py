"""`histogram_quantile` and `histogram_fraction` over classic buckets (`le` labels)."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isnan

import numpy as np

from storage.model.labels import Labels
from storage.model.roster import Roster, derived
from storage.model.sample import Bools, Floats, Ints
from storage.promql.values import Frame

OfCells = Callable[[Floats, Floats, Ints], Floats]
"""Judges cells of the same buckets: (bounds, counts (cells, buckets), steps of the cells)."""

LE = "le"
TOLERANCE = 1e-12
"""Relative differences of bucket counts below this are rounding, not news."""


@dataclass(frozen=True, slots=True)
class _Histogram:
    """The rows that make up one histogram, by ascending bound."""

    labels: Labels
    bounds: tuple[float, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Ladder:
    """Histograms of the same bounds. rows: (histograms, bounds); places: among all histograms."""

    bounds: Floats
    rows: Ints
    places: Ints


def histogram_quantile(wanted: Floats, frame: Frame) -> Frame:
    """Return the `wanted` (steps,) quantile of each histogram.

    Within a bucket it lies on a straight line. Buckets are cumulative counts (or rates of
    them) labelled by their upper bound `le`; a count below that of a smaller bucket is raised
    to it. NaN without a bucket le="+Inf",
    with fewer than two buckets, or without observations.
    Source: Prometheus 3, promql/quantile.go, bucketQuantile.
    """

    def judge(bounds: Floats, counts: Floats, steps: Ints) -> Floats:
        return _quantile(bounds, counts, wanted[steps])

    return _judged(frame, judge)


def histogram_fraction(lower: Floats, upper: Floats, frame: Frame) -> Frame:
    """Return which part of each histogram lies between `lower` and `upper` (both (steps,)).

    Within a bucket observations lie evenly, from 0 on in a first one above 0; in a bucket
    without an end nothing is known of them, and none counts. NaN without a bucket le="+Inf",
    without observations, or for a NaN bound.
    Source: Prometheus 3, promql/quantile.go, BucketFraction.
    """

    def judge(bounds: Floats, counts: Floats, steps: Ints) -> Floats:
        return _fraction(bounds, counts, lower[steps], upper[steps])

    return _judged(frame, judge)


def _judged(frame: Frame, judge: OfCells) -> Frame:
    """Judge every histogram at every step."""
    labels, ladders = derived(frame.labels, "ladders", lambda: _ladders(frame.labels))
    values = np.full((len(labels), frame.values.shape[1]), np.nan)
    present = np.zeros(values.shape, dtype=np.bool_)
    for ladder in ladders:
        counts, there = frame.values[ladder.rows], frame.present[ladder.rows]
        present[ladder.places] = there.any(axis=1)
        values[ladder.places] = _of_ladder(ladder.bounds, counts, there, judge)
    return Frame(labels, values, present).nameless()


def _ladders(labels: tuple[Labels, ...]) -> tuple[tuple[Labels, ...], tuple[_Ladder, ...]]:
    """Return the labels of all histograms, and them grouped by their bounds."""
    histograms = _histograms(labels)
    alike: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for place, histogram in enumerate(histograms):
        alike[histogram.bounds].append(place)
    ladders = tuple(
        _Ladder(
            np.array(bounds),
            np.array([histograms[place].rows for place in places], dtype=np.int64),
            np.array(places, dtype=np.int64),
        )
        for bounds, places in alike.items()
    )
    return Roster(tuple(histogram.labels for histogram in histograms)), ladders


def _histograms(labels: tuple[Labels, ...]) -> list[_Histogram]:
    found: dict[Labels, list[tuple[float, int]]] = defaultdict(list)
    for row, series in enumerate(labels):
        bound = _bound(series.get(LE))
        if bound is not None:
            found[series.without(LE)].append((bound, row))
    histograms = []
    for group, buckets in found.items():
        bounds, rows = zip(*sorted(buckets), strict=True)
        histograms.append(_Histogram(group, bounds, rows))
    return histograms


def _bound(text: str) -> float | None:
    """Read an `le` label as Go would; None where it is not a number."""
    if not text or "_" in text or text != text.strip():
        return None
    try:
        bound = float(text)
    except ValueError:
        return None
    return None if isnan(bound) else bound


def _of_ladder(bounds: Floats, counts: Floats, there: Bools, judge: OfCells) -> Floats:
    """Return (histograms, steps) answers of histograms (histograms, buckets, steps) alike.

    Where buckets are missing at a step, those cells are judged by the buckets they have.
    """
    cells = np.moveaxis(counts, 1, 2).reshape(-1, len(bounds))
    masks = np.moveaxis(there, 1, 2).reshape(-1, len(bounds))
    steps = np.tile(np.arange(counts.shape[2]), counts.shape[0])
    found = np.full(len(cells), np.nan)
    if masks.all():
        found = judge(bounds, cells, steps)
    else:
        kinds, which = np.unique(masks, axis=0, return_inverse=True)
        for number, mask in enumerate(kinds):
            chosen = which.ravel() == number
            found[chosen] = judge(bounds[mask], cells[chosen][:, mask], steps[chosen])
    return found.reshape(counts.shape[0], counts.shape[2])


def _quantile(bounds: Floats, counts: Floats, wanted: Floats) -> Floats:
    """Return the quantile of each row of `counts` (cells, buckets)."""
    if not len(bounds) or bounds[-1] != inf:
        return _out_of_range(wanted, np.full(len(counts), np.nan))
    bounds, starts = np.unique(bounds, return_index=True)
    counts = _monotonic(np.add.reduceat(counts, starts, axis=1))
    if len(bounds) < 2:
        return _out_of_range(wanted, np.full(len(counts), np.nan))
    with np.errstate(all="ignore"):
        rank = wanted * counts[:, -1]
        reached = counts[:, :-1] >= rank[:, None]
        bucket = np.where(reached.any(axis=1), reached.argmax(axis=1), len(bounds) - 1)
        found = _within(bounds, counts, rank, bucket)
        found = np.where(counts[:, -1] == 0, np.nan, found)
    return _out_of_range(wanted, found)


def _within(bounds: Floats, counts: Floats, rank: Floats, bucket: Ints) -> Floats:
    """Walk a straight line through the bucket in which the rank falls."""
    rows, before = np.arange(len(counts)), np.maximum(bucket - 1, 0)
    first = bucket == 0
    low = np.where(first, 0.0, bounds[before])
    below = np.where(first, 0.0, counts[rows, before])
    high = bounds[bucket]
    inside = low + (high - low) * ((rank - below) / (counts[rows, bucket] - below))
    inside = np.where(first & (bounds[0] <= 0), bounds[0], inside)
    return np.where(bucket == len(bounds) - 1, bounds[-2], inside)


def _fraction(bounds: Floats, counts: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the part between `lower` and `upper` of each row of `counts` (cells, buckets)."""
    if not len(bounds) or bounds[-1] != inf:
        return np.full(len(counts), np.nan)
    bounds, starts = np.unique(bounds, return_index=True)
    counts = np.add.reduceat(counts, starts, axis=1)
    observed = counts[:, -1]
    with np.errstate(all="ignore"):
        part = (_up_to(bounds, counts, upper) - _up_to(bounds, counts, lower)) / observed
        part = np.where(lower >= upper, 0.0, part)
    unknown = (observed == 0) | np.isnan(lower) | np.isnan(upper)
    return np.where(unknown, np.nan, part)


def _up_to(bounds: Floats, counts: Floats, value: Floats) -> Floats:
    """Return how many observations of each row lie below its `value` (cells,)."""
    rows, last = np.arange(len(counts)), len(bounds) - 1
    bucket = np.minimum(np.searchsorted(bounds, value, side="right"), last)
    first = bucket == 0
    low = np.where(first, 0.0 if bounds[0] > 0 else -inf, bounds[bucket - 1])
    before = np.where(first, 0.0, counts[rows, bucket - 1])
    here, high = counts[rows, bucket], bounds[bucket]
    inside = before + (here - before) * (value - low) / (high - low)
    inside = np.where(np.isneginf(low), here, inside)
    found = np.where(low >= value, before, np.where(value >= high, counts[:, -1], inside))
    return np.minimum(found, counts[:, -1])


def _monotonic(counts: Floats) -> Floats:
    """Raise each count to the greatest before it; differences by rounding alone are dropped."""
    repaired = counts.copy()
    for bucket in range(1, counts.shape[1]):
        before, now = repaired[:, bucket - 1], counts[:, bucket]
        with np.errstate(all="ignore"):
            rounding = np.abs(now - before) / (np.abs(now) + np.abs(before)) < TOLERANCE
        repaired[:, bucket] = np.where(rounding | (now < before), before, now)
    return repaired


def _out_of_range(wanted: Floats, found: Floats) -> Floats:
    outside = np.where(wanted < 0, -inf, np.where(wanted > 1, inf, found))
    return np.where(np.isnan(wanted), np.nan, outside)
