"""PromQL once more, slow and plain: one series, one step, one sample at a time.

Written from the language's description, sharing nothing with the product but `Labels`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from storage.model.labels import Labels
from storage.model.sample import STALE_BITS

Points = Sequence[tuple[float, float]]
Data = Mapping[Labels, Points]
Row = dict[Labels, float]


def is_marker(value: float) -> bool:
    return bool(np.float64(value).view(np.uint64) == STALE_BITS)


def newest(data: Data, at: float) -> Row:
    """The last sample in (at - 5m, at], unless that is a staleness marker."""
    found = {}
    for labels, points in data.items():
        inside = [value for time, value in points if at - 300 < time <= at]
        if inside and not is_marker(inside[-1]):
            found[labels] = inside[-1]
    return found


def over(data: Data, at: float, length: float, function: str) -> Row:
    """One range function over (at - length, at], names dropped."""
    found = {}
    for labels, points in data.items():
        inside = [(t, v) for t, v in points if at - length < t <= at and not is_marker(v)]
        answer = RANGE[function](inside, at, length)
        if answer is not None:
            found[labels.without("__name__")] = answer
    return found


def grown(points: Points, at: float, length: float, *, counter: bool) -> float | None:
    if len(points) < 2:
        return None
    growth = points[-1][1] - points[0][1]
    if counter:
        for (_, before), (_, after) in pairwise(points):
            if after < before:
                growth += before
    covered = points[-1][0] - points[0][0]
    interval = covered / (len(points) - 1)
    left, right = points[0][0] - (at - length), at - points[-1][0]
    if left >= interval * 1.1:
        left = interval / 2
    if counter and growth > 0 and points[0][1] >= 0:
        left = min(left, covered * points[0][1] / growth)
    if right >= interval * 1.1:
        right = interval / 2
    return growth * (covered + left + right) / covered


def _values(judge: Callable[[list[float]], float]) -> "Judge":
    def of_points(points: Points, _: float, __: float) -> float | None:
        return judge([value for _, value in points]) if points else None

    return of_points


def _pairs(count: Callable[[float, float], bool]) -> "Judge":
    return _values(lambda v: float(sum(count(a, b) for a, b in pairwise(v))))


def _slope(points: Points) -> float:
    x = [t - points[0][0] for t, _ in points]
    y = [v for _, v in points]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return top / sum((a - mx) ** 2 for a in x)


def variance(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values)


def quantile(values: list[float], wanted: float) -> float:
    ranked = sorted(values)
    rank = wanted * (len(ranked) - 1)
    lower = math.floor(rank)
    upper = min(lower + 1, len(ranked) - 1)
    return ranked[lower] * (1 - (rank - lower)) + ranked[upper] * (rank - lower)


Judge = Callable[[Points, float, float], float | None]

RANGE: dict[str, Judge] = {
    "increase": lambda p, at, length: grown(p, at, length, counter=True),
    "delta": lambda p, at, length: grown(p, at, length, counter=False),
    "sum_over_time": _values(math.fsum),
    "avg_over_time": _values(lambda v: math.fsum(v) / len(v)),
    "min_over_time": _values(min),
    "max_over_time": _values(max),
    "count_over_time": _values(lambda v: float(len(v))),
    "stdvar_over_time": _values(variance),
    "changes": _pairs(lambda a, b: a != b),
    "resets": _pairs(lambda a, b: b < a),
    "deriv": lambda p, _, __: _slope(p) if len(p) > 1 else None,
    "idelta": lambda p, _, __: p[-1][1] - p[-2][1] if len(p) > 1 else None,
}

AGGREGATE: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda v: math.fsum(v) / len(v),
    "min": min,
    "max": max,
    "count": lambda v: float(len(v)),
    "group": lambda _: 1.0,
    "stdvar": variance,
}


def aggregate(row: Row, op: str, labels: tuple[str, ...], *, without: bool) -> Row:
    groups: dict[Labels, list[float]] = {}
    for series, value in row.items():
        kept = series.without("__name__", *labels) if without else series.keep(*labels)
        groups.setdefault(kept, []).append(value)
    return {key: AGGREGATE[op](values) for key, values in groups.items()}


def divide(left: Row, right: Row, on: tuple[str, ...], *, many: bool) -> Row | None:
    """`left / on (...) [group_left] right`; None where that is an error."""
    if not left or not right:
        return {}
    ones: dict[Labels, float] = {}
    for series, value in right.items():
        if series.keep(*on) in ones:
            return None
        ones[series.keep(*on)] = value
    found: Row = {}
    for series, value in left.items():
        key = series.keep(*on)
        if key in ones:
            name = series.without("__name__") if many else key
            if name in found:
                return None
            found[name] = value / ones[key]
    return found


def sets(op: str, left: Row, right: Row, on: tuple[str, ...]) -> Row:
    keys = {series.keep(*on) for series in right}
    if op == "and":
        return {s: v for s, v in left.items() if s.keep(*on) in keys}
    if op == "unless":
        return {s: v for s, v in left.items() if s.keep(*on) not in keys}
    mine = {series.keep(*on) for series in left}
    return left | {s: v for s, v in right.items() if s.keep(*on) not in mine}
