"""Answers queries from the embedded store: plan, load, evaluate; heavy work in a thread."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np

from storage.errors import MetricsUnavailable, QueryError
from storage.model.labels import Labels, Matcher
from storage.model.sample import Selection
from storage.promql.evaluate import Grid, Limits, Value, evaluate
from storage.promql.parse import parse
from storage.promql.plan import Load, plan
from storage.promql.tree import Subquery, walk
from storage.promql.values import Matrix, Scalar, Vector

SMALL_SPAN = 2 * 3600.0
"""Seconds of history that are loaded on the event loop itself: about what the head holds."""

SMALL_SAMPLES = 5_000
"""Samples loaded and evaluated on the event loop itself: a few milliseconds."""

SMALL_SERIES = 2_000
"""Series that a query on the event loop may match, whatever samples they have."""

MOST_REMEMBERED = 8_192

AT_ONCE = 2
"""Threads for queries; others than those of the store, which must stay free to write."""

MOST_WAITING = 5_000
"""Queries that may wait for a thread (after a start, all rules at once); one more is refused."""

Answer = TypeVar("Answer")

_parsed = lru_cache(maxsize=4_096)(parse)


class Series(Protocol):
    """What is asked of the store (`storage.series.local.LocalSeries`); callable from any thread."""

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Return all samples in (start, end] of the series that match."""
        ...

    def newest(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Return of each series that matches its newest sample in (start, end]."""
        ...

    def series(self, matchers: Sequence[Matcher], start: float, end: float) -> tuple[Labels, ...]:
        """Return the series that match and have a sample in (start, end]."""
        ...

    def matching(self, matchers: Sequence[Matcher]) -> int | None:
        """Return how many series match, None where that is not known at once."""
        ...

    def label_names(self, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the label names in use, sorted."""
        ...

    def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the values of one label, sorted."""
        ...

    def metadata(self) -> Mapping[str, Mapping[str, str]]:
        """Return what senders told of metrics: name -> {"type", "help", "unit"}."""
        ...


class LocalMetrics:
    """The `Metrics` port over the store of this process.

    Queries run in threads of its own, so that the event loop stays free; an instant query that
    proved small is answered on the loop from then on, which spares the way there and back. A
    query that its caller gives up goes on to its end in its thread; `Limits` make that soon.
    """

    def __init__(self, series: Series, limits: Limits | None = None) -> None:
        self._series = series
        self._limits = limits or Limits()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="query")
        self._waiting = 0
        self._small: dict[str, None] = {}

    def close(self) -> None:
        """Let go of the threads; queries that wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def instant(self, query: str, at: float) -> Vector:
        """Answer at one moment; a number becomes a vector of one series without labels."""
        match await self.raw(query, at):
            case Vector() as vector:
                return vector
            case Scalar(values):
                return Vector.of((Labels(),), values)
        raise QueryError(f"{query}: an instant vector or a number is needed here")

    async def range(self, query: str, start: float, end: float, step: float) -> Matrix:
        """Answer at start, start + step, ... up to end; a number becomes one series."""
        grid = Grid(start, end, step)
        match await self._answer(query, grid):
            case Matrix() as matrix:
                return matrix
            case Vector() as vector:
                return vector.at(start)
            case Scalar(values):
                times = start + np.arange(len(values), dtype=np.float64) * step
                return Matrix((Labels(),), times, values[None, :], np.ones((1, len(values)), bool))
        raise QueryError(f"{query}: an instant vector or a number is needed here")

    async def raw(self, query: str, at: float) -> Value:
        """Answer at one moment in the query's own type: see `evaluate`."""
        return await self._answer(query, Grid.instant(at))

    async def series(
        self, matchers: Sequence[Matcher], start: float, end: float
    ) -> tuple[Labels, ...]:
        """Return the series that match and have a sample in (start, end]."""
        return await self._apart(lambda: self._series.series(matchers, start, end))

    async def label_names(self, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the label names of matching series, sorted."""
        return await self._apart(lambda: self._series.label_names(matchers))

    async def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the values of one label of matching series, sorted."""
        return await self._apart(lambda: self._series.label_values(name, matchers))

    async def metadata(self) -> Mapping[str, Mapping[str, str]]:
        """Return what senders told of metrics: name -> {"type", "help", "unit"}."""
        return self._series.metadata()

    async def _answer(self, query: str, grid: Grid) -> Value:
        expr = _parsed(query)
        loads = plan(expr, grid)

        def work() -> tuple[Value, int]:
            loaded = self._load(loads)
            return evaluate(expr, grid, loaded, self._limits), _samples(loaded)

        known = grid.is_instant and query in self._small and self._matches_few(loads)
        value, samples = work() if known else await self._apart(work)
        if grid.is_instant:
            near = all(load.end - load.start <= SMALL_SPAN for load in loads)
            plain = not any(isinstance(part, Subquery) for part in walk(expr))
            self._remember(query, small=near and plain and samples <= SMALL_SAMPLES)
        return value

    def _matches_few(self, loads: Sequence[Load]) -> bool:
        """Say whether it is known that few series match: there may be more than last time."""
        left = SMALL_SERIES
        for load in loads:
            count = self._series.matching(load.matchers)
            if count is None or (left := left - count) < 0:
                return False
        return True

    def _remember(self, query: str, *, small: bool) -> None:
        """Note whether the query may be answered on the event loop next time."""
        self._small.pop(query, None)
        if small:
            self._small[query] = None
            while len(self._small) > MOST_REMEMBERED:
                del self._small[next(iter(self._small))]

    async def _apart(self, work: Callable[[], Answer]) -> Answer:
        """Do `work` in a thread; raises MetricsUnavailable where too much waits already."""
        if self._waiting >= MOST_WAITING:
            raise MetricsUnavailable(f"{self._waiting} queries wait already; try again later")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def _load(self, loads: Sequence[Load]) -> Mapping[Load, Selection]:
        """Load all that is planned; raises QueryError as soon as it is too much."""
        loaded: dict[Load, Selection] = {}
        for load in loads:
            read = self._series.newest if load.newest else self._series.select
            loaded[load] = read(load.matchers, load.start, load.end)
            if (samples := _samples(loaded)) > self._limits.samples:
                raise QueryError(
                    f"the query loads {samples} samples or more; at most {self._limits.samples} "
                    "are allowed: take a shorter range, or match fewer series"
                )
        return loaded


def _samples(loaded: Mapping[Load, Selection]) -> int:
    return sum(int(selection.count.sum()) for selection in loaded.values())
