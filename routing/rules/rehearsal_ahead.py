"""Answers of a rehearsal, for many moments at once where that cannot change them."""

from collections.abc import Collection, Iterable
from typing import Final

from storage.errors import QueryError
from storage.model.labels import NAME, Labels, MatchOp
from storage.promql.evaluate import Grid
from storage.promql.memory import MemorySamples
from storage.promql.tree import Expr, Selector, Subquery, walk
from storage.promql.values import Matrix, Scalar, Vector

MOMENTS: Final = 500
"""Moments that are evaluated together."""

Rows = list[tuple[Labels, float]]


def rows_of(samples: MemorySamples, expr: Expr, at: float) -> Rows:
    """Return the series of the answer at `at` and their values; a number has no labels."""
    match samples.ask(expr, Grid.instant(at)):
        case Vector(labels, values):
            return list(zip(labels, values.tolist(), strict=True))
        case Scalar(values):
            return [(Labels(), float(values[0]))]
    raise QueryError("an instant vector or a number is needed here")


class Ahead:
    """The answers of one query, every `pace` seconds.

    written: metrics that rules write meanwhile. A query that may read one of them, or that looks
    into the future, is evaluated moment by moment; so is one that fails, to tell when.
    """

    def __init__(self, expr: Expr, pace: float, written: Collection[str]) -> None:
        self._expr, self._pace = expr, pace
        self._at_once = _reads_input_alone(expr, written)
        self._known: dict[int, Rows] = {}  # by milliseconds

    def rows(self, samples: MemorySamples, at: float) -> Rows:
        """Return what the query answers at `at`; raises QueryError."""
        if self._at_once and _milliseconds(at) not in self._known:
            self._look_ahead(samples, at)
        if not self._at_once:
            return rows_of(samples, self._expr, at)
        return self._known[_milliseconds(at)]

    def _look_ahead(self, samples: MemorySamples, at: float) -> None:
        end = at + (MOMENTS - 1) * self._pace
        moments = [_milliseconds(at + number * self._pace) for number in range(MOMENTS)]
        until, samples.until = samples.until, float("inf")
        try:
            found = samples.ask(self._expr, Grid(at, end, self._pace))
        except QueryError:
            self._at_once = False
            return
        finally:
            samples.until = until
        self._known = {moment: [] for moment in moments}
        match found:
            case Matrix(labels, _, values, present):
                for row, series in enumerate(labels):
                    for place in present[row].nonzero()[0].tolist():
                        self._known[moments[place]].append((series, float(values[row, place])))
            case Scalar(values):
                for moment, value in zip(moments, values.tolist(), strict=True):
                    self._known[moment].append((Labels(), value))


def _milliseconds(at: float) -> int:
    return round(at * 1000)


def _reads_input_alone(expr: Expr, written: Collection[str]) -> bool:
    """Say whether later moments change nothing that it reads."""
    parts = [part for part in walk(expr) if isinstance(part, Selector | Subquery)]
    if any(part.at is not None or part.offset_ms < 0 for part in parts):
        return False
    names = (_name(part) for part in parts if isinstance(part, Selector))
    return all(name and name not in written for name in names)


def _name(selector: Selector) -> str:
    named: Iterable[str] = (
        m.value for m in selector.matchers if m.name == NAME and m.op is MatchOp.EQUAL
    )
    return next(iter(named), "")
