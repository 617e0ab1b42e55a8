"""A store in memory for tests: samples by series, selected as the embedded store selects."""

from collections.abc import Mapping, Sequence

import numpy as np

from storage.model.labels import Labels, Matcher
from storage.model.roster import Roster
from storage.model.sample import Selection
from storage.promql.evaluate import Grid, Limits, Value, evaluate
from storage.promql.parse import parse
from storage.promql.plan import Load, plan

Points = Sequence[tuple[float, float]]


class Memory:
    """Samples (Unix seconds, value) by series; `asked` remembers every load."""

    def __init__(self, data: Mapping[Labels, Points] | None = None) -> None:
        self.data: dict[Labels, list[tuple[float, float]]] = {}
        self.asked: list[Load] = []
        self.rosters: dict[tuple[Labels, ...], Roster] = {}
        for labels, points in (data or {}).items():
            self.add(labels, points)

    def add(self, labels: Labels, points: Points) -> None:
        """Add samples to a series."""
        merged = dict(self.data.get(labels, ())) | dict(points)
        self.data[labels] = sorted(merged.items())

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Return the samples in (start, end]; padding is rubbish on purpose."""
        self.asked.append(Load(tuple(matchers), start, end))
        found = [
            (labels, inside)
            for labels, points in self.data.items()
            if all(matcher.matches(labels) for matcher in matchers)
            and (inside := [point for point in points if start < point[0] <= end])
        ]
        if not found:
            return Selection.empty()
        count = np.array([len(points) for _, points in found], dtype=np.int64)
        times = np.full((len(found), count.max()), 1e9)
        values = np.full(times.shape, -777.0)
        for row, (_, points) in enumerate(found):
            times[row, : count[row]], values[row, : count[row]] = zip(*points, strict=True)
        labels = Roster(tuple(labels for labels, _ in found))
        labels = self.rosters.setdefault(labels, labels)  # the same series, the same roster
        return Selection(labels=labels, times=times, values=values, count=count)

    def newest(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Return the newest sample of each series in (start, end]."""
        found = self.select(matchers, start, end)
        if not found.labels:
            return found
        last = (np.arange(len(found.count)), found.count - 1)
        times, values = found.times[last][:, None], found.values[last][:, None]
        count = np.ones_like(found.count)
        return Selection(labels=found.labels, times=times, values=values, count=count)

    def series(self, matchers: Sequence[Matcher], start: float, end: float) -> tuple[Labels, ...]:
        """Return the series with samples in (start, end]."""
        return self.select(matchers, start, end).labels

    def matching(self, matchers: Sequence[Matcher]) -> int | None:
        """Return how many series match."""
        return sum(all(m.matches(labels) for m in matchers) for labels in self.data)

    def label_names(self, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return label names."""
        chosen = [one for one in self.data if all(m.matches(one) for m in matchers)]
        return tuple(sorted({name for labels in chosen for name, _ in labels}))

    def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the values of a label."""
        chosen = [one for one in self.data if all(m.matches(one) for m in matchers)]
        return tuple(sorted({labels.get(name) for labels in chosen} - {""}))

    def ask(self, query: str, grid: Grid, limits: Limits | None = None) -> Value:
        """Plan, load and evaluate, as the metrics port does."""
        expr = parse(query)
        loaded = {
            load: (self.newest if load.newest else self.select)(load.matchers, load.start, load.end)
            for load in plan(expr, grid)
        }
        return evaluate(expr, grid, loaded, limits)
