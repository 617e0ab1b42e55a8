"""Recording rules: their answers are stored as series of their own."""

from collections.abc import Awaitable, Callable
from typing import Final

from routing.flow.judge_query import rows_of
from routing.rules.feeds import Watched
from storage.errors import QueryError
from storage.metrics.port import Metrics
from storage.model.labels import NAME, Labels
from storage.model.sample import STALE, Appended, Batch, Sample

Append = Callable[[Batch], Awaitable[Appended]]

MOST: Final = 100_000
"""Series of one answer, where the group sets no limit: a rule that joins wrongly is stopped."""


class Recorder:
    """Evaluates recording rules and stores what they answer."""

    def __init__(self, metrics: Metrics, append: Append) -> None:
        self._metrics, self._append = metrics, append
        self._last: dict[str, frozenset[Labels]] = {}

    async def record(self, watched: Watched, at: float, limit: int) -> Appended:
        """Store the rule's answer at `at`; a series that is gone from it is marked stale.

        Raises QueryError, MetricsUnavailable, StorageUnavailable.
        """
        rows = await rows_of(self._metrics, watched.rule.expr, at)
        check_limit(len(rows), limit)
        own = {name: made.text for name, made in watched.rule.labels.items()}
        found = {labels.with_({**own, NAME: watched.rule.name}): value for labels, value in rows}
        gone = self._last.get(watched.key, frozenset()) - found.keys()
        samples = [Sample(labels, at, value) for labels, value in found.items()]
        samples += [Sample(labels, at, STALE) for labels in sorted(gone)]
        appended = await self._append(Batch(samples, complete=True))
        self._last[watched.key] = frozenset(found)
        return appended


def check_limit(count: int, limit: int) -> None:
    """Raise QueryError where a rule answers with more series than its group allows."""
    if count > (limit or MOST):
        raise QueryError(f"the answer has {count} series; the group's limit is {limit or MOST}")
