"""What must be loaded before a query can be evaluated, and what a query depends on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from storage.errors import QueryError
from storage.model.labels import Matcher
from storage.model.sample import Ints
from storage.promql.instant import OF_TIME, OF_VALUE
from storage.promql.over_time import OF_WINDOW, OF_WINDOW_AND_NUMBER
from storage.promql.tree import (
    SETS,
    Binary,
    Call,
    Edge,
    Expr,
    Kind,
    Negate,
    Number,
    Selector,
    Subquery,
    Window,
    children,
    kind,
    walk,
)

MOST_STEPS = 11_000
"""Steps of a range query: Prometheus' own limit."""

MOST_INNER_STEPS = 200_000
"""Steps of a subquery: 138 days by the minute."""

LATEST = 1e11
"""Unix seconds (the year 5138) that no query reaches; guards whole milliseconds."""

LOOKBACK_MS = 300_000
"""How old the newest sample may be and still count: (t - 5m, t]."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The moments of evaluation: start, start + step, ... up to end; Unix seconds.

    An instant query has start == end, and then the step does not matter.
    """

    start: float
    end: float
    step: float = 0.0

    @classmethod
    def instant(cls, at: float) -> "Grid":
        """Return the grid of one moment."""
        return cls(at, at)

    @property
    def is_instant(self) -> bool:
        """Say whether there is but one moment."""
        return self.start == self.end

    @property
    def size(self) -> int:
        """How many moments there are."""
        return len(Steps.of(self).times)


@dataclass(frozen=True, slots=True)
class Load:
    """Samples that are needed: the series of `matchers`, in (start, end], Unix seconds.

    newest: the newest sample of each series is enough; more of them do no harm.
    """

    matchers: tuple[Matcher, ...]
    start: float
    end: float
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Steps:
    """The moments of evaluation in whole milliseconds, and the edges that `@` refers to."""

    times: Ints
    start: int
    end: int

    @classmethod
    def of(cls, grid: Grid, most: int = MOST_STEPS) -> "Steps":
        """Return the moments of a grid; raises QueryError for one that cannot be walked."""
        if not -LATEST < grid.start <= grid.end < LATEST:
            raise QueryError(f"the query goes from {grid.start} to {grid.end}, in Unix seconds")
        start, end = round(grid.start * 1000), round(grid.end * 1000)
        if grid.is_instant:
            return cls(np.array([start], dtype=np.int64), start, end)
        if not grid.step >= 0.001:
            raise QueryError(f"the step is {grid.step} seconds; 0.001 is the shortest")
        if (grid.end - grid.start) / grid.step >= most + 1:
            raise QueryError(
                f"{grid.start} to {grid.end} by {grid.step} seconds is more than {most} steps; "
                "take a longer step or a shorter range"
            )
        step = round(grid.step * 1000)
        return cls(np.arange(start, end + 1, step, dtype=np.int64), start, end)

    def reached(self, part: Selector | Subquery) -> Ints:
        """Return the moments a selector or subquery looks at, `offset` and `@` applied."""
        match part.at:
            case None:
                return self.times - part.offset_ms
            case Edge.START:
                fixed = self.start
            case Edge.END:
                fixed = self.end
            case moment:
                fixed = int(moment)
        return np.full(len(self.times), fixed - part.offset_ms, dtype=np.int64)

    def within(self, part: Subquery) -> "Steps":
        """Return the moments at which a subquery evaluates: multiples of its step."""
        reached = self.reached(part)
        first = (int(reached.min()) - part.range_ms) // part.step_ms + 1
        last = int(reached.max()) // part.step_ms
        if last - first >= MOST_INNER_STEPS:
            raise QueryError(
                f"a subquery would evaluate {last - first + 1} times; "
                f"at most {MOST_INNER_STEPS} are allowed: take a longer step or a shorter range"
            )
        times = np.arange(first, last + 1, dtype=np.int64) * part.step_ms
        return replace(self, times=times)


def load_of(selector: Selector, steps: Steps, range_ms: int | None = None) -> Load:
    """Return what `selector` needs: its window before each of `steps`.

    Without a range that is the time for which a sample counts, and of one moment its newest one.
    """
    reached = steps.reached(selector)
    oldest, last = int(reached.min()), int(reached.max())
    first = oldest - (LOOKBACK_MS if range_ms is None else range_ms)
    newest = range_ms is None and oldest == last
    return Load(selector.matchers, first / 1000.0, last / 1000.0, newest)


def plan(expr: Expr, grid: Grid) -> tuple[Load, ...]:
    """Return all that evaluating `expr` over `grid` needs, each load once."""
    return tuple(dict.fromkeys(_loads(expr, Steps.of(grid))))


def _loads(expr: Expr, steps: Steps) -> Iterator[Load]:
    if not len(steps.times):
        return
    match expr:
        case Selector():
            yield load_of(expr, steps)
        case Window(selector, range_ms):
            yield load_of(selector, steps, range_ms)
        case Subquery(inner):
            yield from _loads(inner, steps.within(expr))
        case _:
            for child in children(expr):
                yield from _loads(child, steps)


def selectors(expr: Expr) -> tuple[tuple[Matcher, ...], ...]:
    """Return the matchers of every selector in `expr`, each once."""
    found = [part.matchers for part in walk(expr) if isinstance(part, Selector)]
    return tuple(dict.fromkeys(found))


def longest_window(expr: Expr) -> float:
    """Return how many seconds before the moment of evaluation `expr` looks, at most.

    `@` is left out: what it names is a date, not an age.
    """
    return _reach(expr) / 1000.0


def _reach(expr: Expr) -> int:
    match expr:
        case Selector(offset_ms=offset):
            return LOOKBACK_MS + offset
        case Window(selector, range_ms):
            return range_ms + selector.offset_ms
        case Subquery(inner, range_ms, _, offset):
            return range_ms + offset + _reach(inner)
    return max(map(_reach, children(expr)), default=0)


_PER_SERIES = (
    set(OF_VALUE)
    | set(OF_TIME)
    | set(OF_WINDOW)
    | set(OF_WINDOW_AND_NUMBER)
    | {"clamp", "clamp_max", "clamp_min", "round", "timestamp"}
)


def per_series(expr: Expr) -> bool:
    """Say whether each series of the answer depends on one input series alone.

    Such an expression may be judged for the series that just got a sample, without the
    others. Not so for aggregations, matching of two vectors, sets, absent, scalar(), label
    functions, histogram_quantile, sort and subqueries, nor for what needs no series at all.
    """
    return sum(isinstance(part, Selector) for part in walk(expr)) == 1 and _alone(expr)


def _alone(expr: Expr) -> bool:
    match expr:
        case Selector() | Window() | Number():
            return True
        case Negate(inner):
            return _alone(inner)
        case Call(name, args):
            if name in {"time", "pi"}:
                return True
            return name in _PER_SERIES and all(map(_alone, args))
        case Binary(op, left, right):
            joined = Kind.SCALAR in {kind(left), kind(right)} and op not in SETS
            return joined and _alone(left) and _alone(right)
    return False
