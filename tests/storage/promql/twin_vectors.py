"""More of the slow, plain twin: expressions of any shape, one moment and one series at a time.

An expression is its text and a function (data, moment) -> row or number. What cannot be answered
raises Refused.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from storage.model.labels import Labels
from tests.storage.promql.twin import Data, Row, newest

NAME = "__name__"


class Refused(Exception):
    """The language gives no answer: it is not clear which series match which."""


@dataclass(frozen=True)
class Vector:
    """An expression that is an instant vector."""

    text: str
    at: Callable[[Data, float], Row]

    def __repr__(self) -> str:
        """Show the query where hypothesis tells of a failure."""
        return self.text


@dataclass(frozen=True)
class Number:
    """An expression that is a number."""

    text: str
    at: Callable[[float], float]

    def __repr__(self) -> str:
        """Show the query where hypothesis tells of a failure."""
        return self.text


def _divided(a: float, b: float) -> float:
    if b == 0:
        nothing = math.isnan(a) or a == 0
        return math.nan if nothing else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def _rest(a: float, b: float) -> float:
    return math.nan if b == 0 or math.isinf(a) or math.isnan(a) else math.fmod(a, b)


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divided,
    "%": _rest,
    "atan2": math.atan2,
}
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


def named(name: str, offset: int, pinned: int | None) -> Vector:
    """`name offset 30s @ 600`: the newest samples of that moment."""
    text = name + (f" offset {offset}s" if offset else "")
    text += f" @ {pinned}" if pinned is not None else ""

    def row(data: Data, at: float) -> Row:
        moment = (at if pinned is None else pinned) - offset
        return newest({s: p for s, p in data.items() if s.name == name}, moment)

    return Vector(text, row)


def negated(inner: Vector) -> Vector:
    """`-(inner)`."""

    def row(data: Data, at: float) -> Row:
        return _nameless({series: -value for series, value in inner.at(data, at).items()})

    return Vector(f"-({inner})", row)


def with_number(op: str, vector: Vector, number: Number, *, swapped: bool, to_bool: bool) -> Vector:
    said = f"{op} bool" if to_bool else op
    pair = (f"({number})", f"({vector})") if swapped else (f"({vector})", f"({number})")

    def row(data: Data, at: float) -> Row:
        found, other = vector.at(data, at), number.at(at)
        sides = {s: (other, v) if swapped else (v, other) for s, v in found.items()}
        if op in ARITHMETIC:
            return _nameless({s: ARITHMETIC[op](*both) for s, both in sides.items()})
        if to_bool:
            return _nameless({s: float(COMPARE[op](*both)) for s, both in sides.items()})
        return {s: found[s] for s, both in sides.items() if COMPARE[op](*both)}

    return Vector(f"{pair[0]} {said} {pair[1]}", row)


def joined(
    op: str, left: Vector, right: Vector, on: tuple[str, ...] | None, side: str, *, to_bool: bool
) -> Vector:
    """`left op on (...) group_left right`; `on` None: all labels but the name. side: or ""."""
    clause = "" if on is None else f"on ({', '.join(on)})"
    said = f"{op} {'bool' if to_bool else ''} {clause} {side and side + ' ()'}"

    def row(data: Data, at: float) -> Row:
        mine, other = left.at(data, at), right.at(data, at)
        if not mine or not other:
            return {}
        swapped = side == "group_right"
        many, ones = (other, mine) if swapped else (mine, other)
        by_key: dict[Labels, float] = {}
        for series, value in ones.items():
            if _key(series, on) in by_key:
                raise Refused
            by_key[_key(series, on)] = value
        answer: Row = {}
        taken: set[Labels] = set()
        for series, value in many.items():
            key = _key(series, on)
            if key not in by_key:
                continue
            both = (by_key[key], value) if swapped else (value, by_key[key])
            if op in COMPARE and not to_bool and not COMPARE[op](*both):
                continue
            keeps = op in COMPARE and not to_bool
            found = both[0] if keeps else float({**ARITHMETIC, **COMPARE}[op](*both))
            if not side and key in taken:
                raise Refused
            taken.add(key)
            name = series if keeps else series.without(NAME)
            if not side and on is not None:
                name = name.keep(*on)
            if name in answer:
                raise Refused
            answer[name] = found
        return answer

    return Vector(f"({left}) {said} ({right})", row)


def _key(series: Labels, on: tuple[str, ...] | None) -> Labels:
    return series.without(NAME) if on is None else series.keep(*on)


def _nameless(row: Row) -> Row:
    found = {series.without(NAME): value for series, value in row.items()}
    if len(found) < len(row):
        raise Refused
    return found


def replaced(inner: Vector, target: str, replacement: str, source: str, pattern: str) -> Vector:
    """`label_replace`, by Python's own regular expressions."""

    def row(data: Data, at: float) -> Row:
        found: Row = {}
        for series, value in inner.at(data, at).items():
            match = re.fullmatch(pattern, series.get(source), re.DOTALL)
            new = series
            if match is not None:
                text = replacement.replace("$1", match[1])
                new = Labels.of({**dict(series), target: text})
            if new in found:
                raise Refused
            found[new] = value
        return found

    texts = ", ".join(f'"{text}"' for text in (target, replacement, source, pattern))
    return Vector(f"label_replace({inner}, {texts})", row)


def missing(inner: Vector) -> Vector:
    """`absent` of what fixes no label."""
    return Vector(f"absent({inner})", lambda d, at: {} if inner.at(d, at) else {Labels(): 1.0})


def summed(inner: Vector, by: tuple[str, ...]) -> Vector:
    def row(data: Data, at: float) -> Row:
        groups: dict[Labels, list[float]] = {}
        for series, value in inner.at(data, at).items():
            groups.setdefault(series.keep(*by), []).append(value)
        return {key: math.fsum(values) for key, values in groups.items()}

    return Vector(f"sum by ({', '.join(by)}) ({inner})", row)


def bucket_quantile(wanted: float, buckets: dict[float, float]) -> float:
    """`histogram_quantile` of one histogram: upper bound -> cumulative count."""
    bounds = sorted(buckets)
    if not bounds or bounds[-1] != math.inf or len(bounds) < 2:
        return math.nan
    counts: list[float] = []
    for bound in bounds:
        counts.append(max(buckets[bound], counts[-1] if counts else buckets[bound]))
    if counts[-1] == 0 or math.isnan(counts[-1]):
        return math.nan
    rank = wanted * counts[-1]
    at = next((place for place, count in enumerate(counts) if count >= rank), len(counts) - 1)
    if at == len(bounds) - 1:
        return bounds[-2]
    if at == 0 and bounds[0] <= 0:
        return bounds[0]
    low, below = (0.0, 0.0) if at == 0 else (bounds[at - 1], counts[at - 1])
    return low + (bounds[at] - low) * _divided(rank - below, counts[at] - below)
