"""Prometheus' notation for a series written by hand: `up{job="api"}` and `0+10x5 _x3 stale`."""

import re
from typing import Final

from storage.errors import QueryError
from storage.model.labels import Labels, MatchOp
from storage.model.sample import STALE
from storage.promql.parse import parse
from storage.promql.tree import Selector

MOST_VALUES: Final = 1_000_000
"""Values of one written series: a year by the half minute."""

_NUMBER = r"(?:[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+\.|(?i:inf|nan))"
_ITEM = re.compile(
    rf"(?P<blank>_)(?:x(?P<gaps>[0-9]+))?|stale"
    rf"|(?P<first>[-+]?{_NUMBER})(?:(?P<step>[-+]{_NUMBER})?x(?P<times>[0-9]+))?"
)
_NO_LABELS = re.compile(r"\s*(?:\{\s*\})?\s*")


def parse_metric(text: str) -> Labels:
    """Read a series as it is written with its labels; raises QueryError.

    >>> str(parse_metric('up{job="api", instance="a:1"}'))
    'up{instance="a:1", job="api"}'
    """
    if _NO_LABELS.fullmatch(text):
        return Labels()
    found = parse(text)
    if not isinstance(found, Selector) or found.offset_ms or found.at is not None:
        raise QueryError(f'{text!r} is no series; expected one such as up{{job="api"}}')
    unclear = [matcher for matcher in found.matchers if matcher.op is not MatchOp.EQUAL]
    if unclear:
        raise QueryError(f"{text!r} is no series: {unclear[0]}; expected labels with `=` alone")
    return Labels.of({matcher.name: matcher.value for matcher in found.matchers})


def parse_values(text: str) -> tuple[float | None, ...]:
    """Read the values of a series, one an interval; None where there is no sample.

    `a+bxn` is a and n more, each b larger; `axn` is a, n + 1 times; `_xn` is n gaps; `stale` is
    the staleness marker. Raises QueryError for what is none of these, native histograms included.

    >>> parse_values("0+10x2 _x2 7x1")
    (0.0, 10.0, 20.0, None, None, 7.0, 7.0)
    """
    if "{{" in text:
        raise QueryError("native histograms ({{...}}) cannot be read; expected numbers")
    values: list[float | None] = []
    for word in text.split():
        found = _ITEM.fullmatch(word)
        if found is None:
            right = "numbers, a+bxn, axn, _, _xn, stale"
            raise QueryError(f"{word[:40]!r} is no value of a series; expected {right}")
        count = int(found["gaps"] or found["times"] or 0)
        if count + len(values) > MOST_VALUES:
            raise QueryError(f"{word[:40]!r} makes more than {MOST_VALUES} values")
        values += _expanded(found, count)
    return tuple(values)


def _expanded(found: "re.Match[str]", count: int) -> list[float | None]:
    if found["blank"]:
        return [None] * (count if found["gaps"] else 1)
    if found["first"] is None:
        return [STALE]
    value, step = float(found["first"]), float(found["step"] or 0.0)
    values: list[float | None] = [value]
    for _ in range(count):
        value += step  # added up one by one, as Prometheus does: the rounding is the same
        values.append(value)
    return values
