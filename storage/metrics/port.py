"""The port through which everyone asks for numbers: PromQL in, labels and arrays out.

It lies at query level, not at sample level: a remote Prometheus evaluates its own queries, and
raw samples are never dragged across the network.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from storage.model.labels import Labels, Matcher
from storage.promql.evaluate import Value
from storage.promql.values import Matrix, Vector

__all__ = ["Metrics", "Value"]


class Metrics(Protocol):
    """Answers PromQL. All times are Unix seconds.

    Every method raises QueryError where the query is wrong and MetricsUnavailable where the
    numbers cannot be had now.
    """

    async def instant(self, query: str, at: float) -> Vector:
        """Answer at one moment; a number becomes a vector of one series without labels."""
        ...

    async def range(self, query: str, start: float, end: float, step: float) -> Matrix:
        """Answer at start, start + step, ... up to end; a number becomes one series."""
        ...

    async def raw(self, query: str, at: float) -> Value:
        """Answer at one moment in the query's own type (`storage.promql.evaluate`)."""
        ...

    async def series(
        self, matchers: Sequence[Matcher], start: float, end: float
    ) -> tuple[Labels, ...]:
        """Return the series that match and have a sample in (start, end]."""
        ...

    async def label_names(self, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the label names of matching series, sorted; of all without matchers."""
        ...

    async def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the values of one label of matching series, sorted."""
        ...

    async def metadata(self) -> Mapping[str, Mapping[str, str]]:
        """Return what senders told of metrics: name -> {"type", "help", "unit"}."""
        ...
