"""Compensated sums: what rounding takes from a sum is added up beside it, all groups at once."""

from collections.abc import Callable
from math import ceil, log2

import numpy as np

from storage.model.sample import Floats

WHOLE = 2.0**53
"""Whole numbers below this are added without loss."""


def add_up(
    values: Floats,
    most: Floats,
    count: int,
    spread: Callable[[Floats], Floats],
    fold: Callable[[Floats], Floats],
) -> tuple[Floats, Floats]:
    """Return the sum of each group, and what rounding took from it.

    Each value is split in two: heads so round that they add up without loss, and the rests.
    Ten times 0.1 is then 1 and not a little less, and big numbers that cancel each other
    out leave the small ones, as with the sums of Prometheus.

    most:   the largest magnitude in each group, or in several groups together.
    count:  how many values a group has at most.
    spread: gives each value what belongs to its entry of `most`.
    fold:   adds up by group.
    Source: S. Rump, T. Ogita, S. Oishi, Accurate floating-point summation I, 2008, section 3.
    """
    if not len(values):
        return fold(values), np.zeros(())
    with np.errstate(all="ignore"):
        if most.max(initial=0.0) * count < WHOLE and np.array_equal(values, np.rint(values)):
            return fold(values), np.zeros(())
        room = ceil(log2(count + 2))
        scale = np.ldexp(1.0, np.frexp(most)[1] + room)
        scale = spread(np.where(np.isfinite(scale), scale, 0.0))
        heads, rests = _split(values, scale)
        sums, lost = fold(heads), np.zeros(())
        if values.min() < 0:  # heads may cancel each other out: then the rests matter as much
            heads, rests = _split(rests, np.ldexp(scale, room - 53))
            sums, lost = _exactly(sums, fold(heads))
        return _exactly(sums, lost + fold(rests))


def _split(values: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Round to what `scale` can still tell: (rounded, the rest)."""
    heads = values + scale
    heads -= scale
    rests = values - heads
    if not np.isfinite(np.add.reduce(rests, axis=None)):
        rests[~np.isfinite(rests)] = 0.0
    return heads, rests


def _exactly(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Return the rounded sum and what the rounding took (TwoSum); of Inf and NaN nothing."""
    total = left + right
    of_right = total - left
    taken = (left - (total - of_right)) + (right - of_right)
    return total, np.where(np.isfinite(taken), taken, 0.0)
