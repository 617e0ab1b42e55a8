"""A few series in memory: selected as the store selects, without a disk."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import numpy as np

from storage.model.labels import NAME, Labels, Matcher, MatchOp
from storage.model.sample import Selection
from storage.promql.evaluate import Grid, Limits, Value, evaluate
from storage.promql.plan import plan
from storage.promql.tree import Expr


class _Row:
    """The samples of one series, ascending."""

    __slots__ = ("times", "values")

    def __init__(self) -> None:
        self.times: list[float] = []
        self.values: list[float] = []


class MemorySamples:
    """Series that rules are tried on.

    until: samples later than this (Unix seconds) are not there yet.
    """

    def __init__(self) -> None:
        self.until = float("inf")
        self._rows: dict[str, dict[Labels, _Row]] = {}

    def add(self, labels: Labels, points: Iterable[tuple[float, float]]) -> None:
        """Add samples (Unix seconds, value), which ascend; of one moment the first one stays."""
        row = self._rows.setdefault(labels.name, {}).setdefault(labels, _Row())
        for time, value in points:
            if not row.times or time > row.times[-1]:
                row.times.append(time)
                row.values.append(value)
            elif row.times[at := bisect_right(row.times, time) - 1] != time or at < 0:
                row.times.insert(at + 1, time)
                row.values.insert(at + 1, value)

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Return the samples in (start, end] of the series that match."""
        end = min(end, self.until)
        found = []
        for labels, row in self._candidates(matchers):
            if all(matcher.matches(labels) for matcher in matchers):
                first, last = bisect_right(row.times, start), bisect_right(row.times, end)
                if first < last:
                    found.append((labels, row, first, last))
        if not found:
            return Selection.empty()
        count = np.array([last - first for _, _, first, last in found], dtype=np.int64)
        times = np.zeros((len(found), int(count.max())))
        values = np.zeros(times.shape)
        for at, (_, row, first, last) in enumerate(found):
            times[at, : last - first] = row.times[first:last]
            values[at, : last - first] = row.values[first:last]
        return Selection(
            labels=tuple(one[0] for one in found), times=times, values=values, count=count
        )

    def ask(self, expr: Expr, grid: Grid, limits: Limits | None = None) -> Value:
        """Plan, load and evaluate; raises QueryError."""
        loaded = {
            load: self.select(load.matchers, load.start, load.end) for load in plan(expr, grid)
        }
        return evaluate(expr, grid, loaded, limits)

    def _candidates(self, matchers: Sequence[Matcher]) -> Iterable[tuple[Labels, _Row]]:
        named = [m.value for m in matchers if m.name == NAME and m.op is MatchOp.EQUAL]
        if named:
            yield from self._rows.get(named[0], {}).items()
            return
        for rows in self._rows.values():
            yield from rows.items()
