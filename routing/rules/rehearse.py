"""Plays a file of tests: the rules over series by hand, moment by moment, held to what is written.

The states go through the same lifecycle as on duty. As in promtool, time begins at 1970, rules
write `ALERTS` and `ALERTS_FOR_STATE`, and a rule that cannot be evaluated ends its test.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf, isnan, nextafter
from typing import Final

from routing.rules.alert_series import ALERTS, FOR_STATE
from routing.rules.rehearsal import AlertTest, ExprTest, Rehearsal, Scene, WrittenAlert
from routing.rules.rehearsal_ahead import Ahead, rows_of
from routing.rules.rehearsed import Rehearsed
from routing.rules.rule import RuleGroup
from storage.errors import QueryError
from storage.model.labels import Labels
from storage.promql.memory import MemorySamples

MOST_MOMENTS: Final = 1_000_000
"""Moments of one test: two years by the minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFailure:
    """At this moment other alerts fired than was written."""

    test: AlertTest
    found: tuple[WrittenAlert, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExprFailure:
    """The query answered something else."""

    test: ExprTest
    found: tuple[tuple[Labels, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stumble:
    """A rule (or the query of a test) could not be evaluated at this moment."""

    what: str
    at: timedelta
    reason: str


Failure = AlertFailure | ExprFailure | Stumble


def rehearse(
    rehearsal: Rehearsal, groups: Sequence[RuleGroup]
) -> tuple[tuple[Scene, tuple[Failure, ...]], ...]:
    """Play every test with the rules of its file; a test without failures has passed."""
    place = {name: position for position, name in enumerate(rehearsal.order)}
    ordered = sorted(groups, key=lambda group: place.get(group.name, len(place)))
    return tuple(
        (scene, tuple(_Stage(scene, ordered, rehearsal).play())) for scene in rehearsal.scenes
    )


class _Stopped(Exception):
    """A rule stumbled: the test is over."""

    def __init__(self, stumble: Stumble) -> None:
        super().__init__(stumble.reason)
        self.stumble = stumble


class _Stage:
    """One test: its samples, and what the rules remember."""

    def __init__(self, scene: Scene, groups: Sequence[RuleGroup], rehearsal: Rehearsal) -> None:
        self._scene, self._groups, self._rehearsal = scene, groups, rehearsal
        self._samples = MemorySamples()
        pace = rehearsal.interval.total_seconds()
        all_rules = [(rule, group) for group in groups for rule in group.rules]
        written = {ALERTS, FOR_STATE, *(rule.name for rule, _ in all_rules if rule.records)}
        self._rules = [
            Rehearsed(rule, group, scene.outside, Ahead(rule.tree, pace, written))
            for rule, group in all_rules
        ]
        pace = scene.interval.total_seconds()
        for labels, values in scene.series:
            points = ((i * pace, v) for i, v in enumerate(values) if v is not None)
            self._samples.add(labels, points)

    def play(self) -> Iterable[Failure]:
        """Evaluate from 0 to the last test's moment; give what differs."""
        pace = self._rehearsal.interval.total_seconds()
        end = self._scene.end.total_seconds()
        if end / pace > MOST_MOMENTS:
            reason = f"it would take more than {MOST_MOMENTS} evaluations"
            yield Stumble(what="the test", at=self._scene.end, reason=reason)
            return
        waiting = sorted(self._scene.alerts, key=lambda test: test.at)
        for turn in range(int(end // pace) + 1):
            at = turn * pace
            self._samples.until = at
            try:
                self._evaluate(at)
            except _Stopped as stopped:
                yield stopped.stumble
                return
            while waiting and waiting[0].at.total_seconds() < at + pace:
                yield from self._alerts(waiting.pop(0))
        for test in self._scene.exprs:
            yield from self._expr(test)

    def _evaluate(self, at: float) -> None:
        for one in self._rules:
            try:
                one.evaluate(self._samples, at)
            except QueryError as error:
                what, moment = f"rule: {one.rule.name}", timedelta(seconds=at)
                raise _Stopped(Stumble(what=what, at=moment, reason=str(error))) from error

    def _alerts(self, test: AlertTest) -> Iterable[Failure]:
        found = [
            WrittenAlert(labels=labels, annotations=notes)
            for one in self._rules
            if one.rule.name == test.name
            for labels, notes in one.firing()
        ]
        if sorted(map(_order, found)) != sorted(map(_order, test.alerts)):
            yield AlertFailure(test=test, found=tuple(sorted(found, key=_order)))

    def _expr(self, test: ExprTest) -> Iterable[Failure]:
        try:
            found = rows_of(self._samples, test.tree, test.at.total_seconds())
        except QueryError as error:
            yield Stumble(what=f"expr: {test.expr!r}", at=test.at, reason=str(error))
            return
        wanted = sorted(test.samples, key=lambda row: row[0])
        found.sort(key=lambda row: row[0])
        if [labels for labels, _ in wanted] != [labels for labels, _ in found] or not all(
            self._equal(left, right) for (_, left), (_, right) in zip(wanted, found, strict=True)
        ):
            yield ExprFailure(test=test, found=tuple(found))

    def _equal(self, left: float, right: float) -> bool:
        if left == right or (isnan(left) and isnan(right)):
            return True
        return self._rehearsal.fuzzy and right in (nextafter(left, -inf), nextafter(left, inf))


def _order(alert: WrittenAlert) -> tuple[Labels, Labels]:
    return alert.labels, alert.annotations
