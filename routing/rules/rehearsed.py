"""One rule in rehearsal: evaluated over series in memory, into which it writes as Prometheus does.

As in Prometheus an alert is told from others by its own labels, not by those of the series.
"""

from collections.abc import Callable, Iterator
from typing import Final

from routing.rules.alert_series import rows_of_alert
from routing.rules.lifecycle import CLEAR, Look, Now, Phase, RuleState
from routing.rules.rehearsal_ahead import Ahead, Rows, rows_of
from routing.rules.rule import Needs, Rule, RuleGroup
from routing.rules.template import Outside, Row, Wanted
from routing.rules.verdict import judged, unclear, worded
from storage.clock import Steady, utc
from storage.errors import QueryError
from storage.model.labels import NAME, Fingerprint, Labels
from storage.model.sample import STALE
from storage.promql.memory import MemorySamples
from storage.promql.parse import parse

MOST_QUOTED: Final = 50
"""Different queries that the templates of one rule may ask in one evaluation."""


class Rehearsed:
    """A rule, what it remembers, and the series that it wrote last.

    ahead: answers the rule's query.
    """

    def __init__(self, rule: Rule, group: RuleGroup, outside: Outside, ahead: Ahead) -> None:
        self.rule, self._group, self._outside, self._ahead = rule, group, outside, ahead
        self._states: dict[Fingerprint, RuleState] = {}
        self._notes: dict[Fingerprint, Labels] = {}
        self._series: dict[Fingerprint, Labels] = {}
        self._clearance = parse(text) if (text := Needs.of(rule).clearance) else None
        self._written: frozenset[Labels] = frozenset()
        self._behind = group.query_offset.total_seconds()

    def evaluate(self, samples: MemorySamples, at: float) -> None:
        """Take the rule one step on at `at` (Unix seconds) and write what it answers.

        Raises QueryError where its query fails or it answers more than its group allows.
        """
        rows = self._ahead.rows(samples, at - self._behind)
        written = self._recorded(rows) if self.rule.records else self._alerts(samples, rows, at)
        self._write(samples, written, at - self._behind)

    def firing(self) -> Iterator[tuple[Labels, Labels]]:
        """Give labels and annotations of each alert that fires."""
        for fingerprint, state in self._states.items():
            if state.phase is not Phase.PENDING:
                yield state.labels, self._notes[fingerprint]

    def _recorded(self, rows: Rows) -> Rows:
        _check(len(rows), self._group.limit)
        own = {name: made.text for name, made in self.rule.labels.items()}
        found = [(labels.with_({**own, NAME: self.rule.name}), value) for labels, value in rows]
        return _each_once(found, "rule labels")

    def _alerts(self, samples: MemorySamples, rows: Rows, at: float) -> Rows:
        """Step the alerts on; return the series that tell of them."""
        answer, named = _Answers(samples, at - self._behind), []
        for labels, value in rows:
            known, notes = answer.words(self.rule, labels, value, self._outside)
            self._notes[known.fingerprint] = notes
            self._series[known.fingerprint] = labels.without(NAME)
            named.append((known, value))
        found = _each_once(named, "alert labels")
        now = Now(wall=utc(at), steady=Steady(at))
        look = self._looks(now.steady, self._unclear(samples, at - self._behind))
        for moved in judged(self.rule, self._states, found, look, now):
            if moved.after is None:
                del self._states[moved.fingerprint]
            else:
                self._states[moved.fingerprint] = moved.after
        _check(len(self._states), self._group.limit)
        return [
            row for state in self._states.values() for row in rows_of_alert(state.labels, state)
        ]

    def _unclear(self, samples: MemorySamples, at: float) -> frozenset[Labels]:
        """Return the series, less their names, that `clear_when` does not let end."""
        if self._clearance is None or self.rule.clear_tree is None or not self._states:
            return frozenset()
        values = rows_of(samples, self._clearance, at)
        clear = rows_of(samples, self.rule.clear_tree, at)
        return unclear([labels for labels, _ in values], [labels for labels, _ in clear])

    def _looks(
        self, steady: Steady, held: frozenset[Labels]
    ) -> Callable[[Labels, float | None, tuple[str, ...]], Look]:
        """Believe every sample, and that what is not there is over."""

        def look(labels: Labels, value: float | None, _: tuple[str, ...]) -> Look:
            is_held = self._series[labels.fingerprint] in held
            return Look(labels=labels, value=value, sight=CLEAR, heard=steady, unclear=is_held)

        return look

    def _write(self, samples: MemorySamples, rows: Rows, at: float) -> None:
        """Store the series, and mark those stale that are not told any more."""
        told = frozenset(labels for labels, _ in rows)
        for labels, value in (*rows, *((gone, STALE) for gone in self._written - told)):
            samples.add(labels, ((at, value),))
        self._written = told


class _Answers:
    """What the templates of one evaluation ask."""

    def __init__(self, samples: MemorySamples, at: float) -> None:
        self._samples, self._at = samples, at
        self._known: dict[str, list[Row] | str] = {}

    def words(
        self, rule: Rule, labels: Labels, value: float, outside: Outside
    ) -> tuple[Labels, Labels]:
        """Return the alert's labels and annotations."""
        while True:
            try:
                return worded(rule, labels, value, self._known, outside)
            except Wanted as wanted:
                self._known[wanted.query] = self._ask(wanted.query)

    def _ask(self, query: str) -> list[Row] | str:
        if len(self._known) >= MOST_QUOTED:
            return f"the templates asked more than {MOST_QUOTED} queries"
        try:
            found = rows_of(self._samples, parse(query), self._at)
        except QueryError as error:
            return str(error)
        return [Row(dict(labels), value) for labels, value in found]


def _check(count: int, limit: int) -> None:
    if limit and count > limit:
        raise QueryError(f"exceeded limit of {limit} with {count} series or alerts")


def _each_once(rows: Rows, what: str) -> Rows:
    if len({labels for labels, _ in rows}) < len(rows):
        raise QueryError(f"vector contains metrics with the same labelset after applying {what}")
    return rows
