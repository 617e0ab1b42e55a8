"""What judging asks the metrics for: a rule's answer, evidence, and what its templates quote."""

from routing.rules.feeds import Feeds, Watched
from routing.rules.scrapes import SETTLE
from routing.rules.template import Row, Wanted
from routing.rules.verdict import unclear, worded
from storage.errors import MetricsUnavailable, QueryError
from storage.metrics.port import Metrics
from storage.model.labels import Labels

AHEAD = 5.0
"""Seconds by which a sender's clock may lead ours and its samples are still judged at once.
Further from the future, they are judged when their time has come: one wrong clock must not
move the windows of everybody else."""

MOST_QUOTED = 50
"""Different queries that the templates of one rule may ask in one judgement."""


async def rows_of(metrics: Metrics, query: str, at: float) -> list[tuple[Labels, float]]:
    """Return the series of the answer at `at` (Unix seconds) and their values."""
    found = await metrics.instant(query, at)
    pairs = zip(found.labels, found.values.tolist(), found.present.tolist(), strict=True)
    return [(labels, value) for labels, value, present in pairs if present]


async def evidence_for(metrics: Metrics, watched: Watched, at: float) -> frozenset[Labels]:
    """Return the series that the rule can say anything about, well or ill."""
    if not watched.needs.evidence:
        return frozenset()
    return frozenset(labels for labels, _ in await rows_of(metrics, watched.needs.evidence, at))


async def unclear_for(metrics: Metrics, watched: Watched, at: float) -> frozenset[Labels]:
    """Return the series, less their names, that the rule's `clear_when` does not let end."""
    if not watched.needs.clearance:
        return frozenset()
    values = await rows_of(metrics, watched.needs.clearance, at)
    clear = await rows_of(metrics, watched.rule.clear_when, at)
    return unclear([labels for labels, _ in values], [labels for labels, _ in clear])


async def perhaps_half_stored(metrics: Metrics, feeds: Feeds, now: float) -> set[str]:
    """Return the combining rules whose last scrape before `now`, the start, may be half stored."""
    found: set[str] = set()
    for key, watched in feeds.rules.items():
        for matchers in () if watched.needs.alone else watched.needs.selectors:
            try:
                if await metrics.series(matchers, now - 2 * SETTLE, now + AHEAD):
                    found.add(key)
            except MetricsUnavailable:
                found.add(key)
    return found


class Wording:
    """Writes the texts of the alerts of one judgement; answers to templates are shared."""

    def __init__(self, metrics: Metrics, watched: Watched, at: float) -> None:
        self._metrics, self._watched, self._at = metrics, watched, at
        self._answers: dict[str, list[Row] | str] = {}

    async def words(self, labels: Labels, value: float) -> tuple[Labels, Labels]:
        """Return labels and annotations of the alert about one series."""
        while True:
            try:
                return worded(self._watched.rule, labels, value, self._answers)
            except Wanted as wanted:
                self._answers[wanted.query] = await self._answer(wanted.query)

    async def _answer(self, query: str) -> list[Row] | str:
        if len(self._answers) >= MOST_QUOTED:
            return f"the templates asked more than {MOST_QUOTED} queries"
        try:
            found = await rows_of(self._metrics, query, self._at)
        except (QueryError, MetricsUnavailable) as error:
            return str(error)
        return [Row(dict(labels), value) for labels, value in found]
