"""Backtest: asks stored history what rules would have done, and what those in force would have."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from routing.oncall.expand import Roster
from routing.rules.backtest import Episode, Figures, Replay, Slice, figures, spans
from routing.rules.rule import Needs, Rule, RuleGroup
from routing.rules.would_page import WouldPage, would_page
from storage.clock import utc
from storage.errors import MetricsUnavailable
from storage.metrics.port import Metrics
from storage.model.labels import NAME, MatchOp
from storage.model.sample import Bools, Floats
from storage.promql.values import Matrix
from storage.units import format_duration

STEPS: Final = 2_000
"""Moments of one query: few enough for any Prometheus, and for thousands of series."""

MOST_STEPS: Final = 250_000
"""Moments of a whole backtest; beyond it history is looked at in larger steps: 43 days by 15 s."""

PATIENCE: Final = 75.0
"""Seconds for one backtest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one rule would have done. pace: between two looks. notes: what limits the answer."""

    rule: Rule
    group: RuleGroup
    pace: timedelta
    episodes: tuple[Episode, ...]
    figures: Figures
    pages: tuple[WouldPage, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A rule beside the one in force of the same name, if there is any."""

    tried: Tried
    in_force: Tried | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """Tries rules on the history from `start` to `end`."""

    metrics: Metrics
    roster: Roster
    start: datetime
    end: datetime

    async def compare(
        self, groups: Sequence[RuleGroup], in_force: Sequence[RuleGroup], name: str = ""
    ) -> tuple[Comparison, ...]:
        """Try the alerting rules (those called `name`), and their twins in force beside them.

        Raises QueryError; MetricsUnavailable also where it takes too long.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                return tuple(
                    [
                        await self._compare(rule, group, groups, in_force)
                        for group in groups
                        for rule in group.rules
                        if not rule.records and name in ("", rule.name)
                    ]
                )
        except TimeoutError:
            raise MetricsUnavailable(
                f"the backtest takes longer than {PATIENCE:g} s: take a shorter time or one rule"
            ) from None

    async def _compare(
        self,
        rule: Rule,
        group: RuleGroup,
        groups: Sequence[RuleGroup],
        in_force: Sequence[RuleGroup],
    ) -> Comparison:
        recorded = {one.name for of in groups for one in of.rules if one.records}
        tried = await self.try_rule(rule, group, recorded)
        twin = twin_of(rule, in_force)
        if twin is None:
            return Comparison(tried=tried, in_force=None)
        same = _judging(rule, group) == _judging(*twin)
        return Comparison(tried=tried, in_force=tried if same else await self.try_rule(*twin))

    async def try_rule(self, rule: Rule, group: RuleGroup, recorded: Iterable[str] = ()) -> Tried:
        """Try one rule. recorded: metrics that its own file would write."""
        pace, notes = self._pace(group)
        replay, needs = Replay(rule), Needs.of(rule)
        behind = group.query_offset.total_seconds()
        first_heard: float | None = None
        start, end = self.start.timestamp(), self.end.timestamp()
        for first, last in spans(start, end, pace.total_seconds(), STEPS):
            stretch = await self._slice(rule, needs, (first, last, pace.total_seconds()), behind)
            await asyncio.to_thread(replay.take, stretch)
            if first_heard is None and stretch.heard is not None and stretch.heard.any():
                first_heard = float(stretch.times[int(stretch.heard.argmax())])
        if first_heard is not None and first_heard - start > 2 * pace.total_seconds():
            notes.append(f"there are values only since {utc(first_heard):%Y-%m-%d %H:%M} UTC")
        notes += await self._unknown(needs, set(recorded))
        episodes = replay.all_episodes()
        return Tried(
            rule=rule,
            group=group,
            pace=pace,
            episodes=episodes,
            figures=figures(episodes, self.end),
            pages=would_page(rule, episodes, self.roster, self.end),
            notes=tuple(notes),
        )

    def _pace(self, group: RuleGroup) -> tuple[timedelta, list[str]]:
        """Return how far apart the looks are: the group's interval, or more over a long time."""
        times = (self.end - self.start) // (group.interval * MOST_STEPS) + 1
        pace = group.interval * times
        if times == 1:
            return pace, []
        said = f"looked at every {format_duration(pace)}, not every"
        return pace, [f"{said} {format_duration(group.interval)}: the time is long"]

    async def _slice(
        self, rule: Rule, needs: Needs, grid: tuple[float, float, float], behind: float
    ) -> Slice:
        first, last, pace = grid
        times = first + pace * np.arange(round((last - first) / pace) + 1, dtype=np.float64)

        async def ask(query: str) -> Matrix:
            found = await self.metrics.range(query, first - behind, last - behind, pace)
            return Matrix(found.labels, times, found.values, found.present)

        return Slice(
            times=times,
            answer=await ask(rule.expr),
            clearance=await ask(needs.clearance) if needs.clearance else None,
            clear=await ask(rule.clear_when) if needs.clearance else None,
            heard=_heard(await ask(f"count({needs.evidence})"), times) if needs.evidence else None,
        )

    async def _unknown(self, needs: Needs, recorded: set[str]) -> list[str]:
        """Say which selectors find nothing at all in this time."""
        notes = []
        for matchers in needs.selectors:
            start = self.start.timestamp() - needs.window
            if await self.metrics.series(matchers, start, self.end.timestamp()):
                continue
            said = f"nothing is stored for {{{', '.join(map(str, matchers))}}}"
            names = {m.value for m in matchers if m.name == NAME and m.op is MatchOp.EQUAL}
            if names & recorded:
                said += "; the file's own recording rule writes it only once it is in force"
            notes.append(said)
        return notes


def _heard(counted: Matrix, times: Floats) -> Bools:
    return counted.present[0] if counted.labels else np.zeros(len(times), dtype=np.bool_)


def _judging(rule: Rule, group: RuleGroup) -> tuple[object, ...]:
    """Return all that decides what a rule would have done."""
    waits = (rule.hold, rule.keep_firing_for, group.interval, group.query_offset)
    return (rule.expr, rule.clear_when, *waits, dict(rule.labels))


def twin_of(rule: Rule, groups: Iterable[RuleGroup]) -> tuple[Rule, RuleGroup] | None:
    """Return the alerting rule of the same name: with the same labels if there is one."""
    named = [
        (other, group)
        for group in groups
        for other in group.rules
        if other.name == rule.name and not other.records
    ]
    alike = [found for found in named if found[0].labels == rule.labels]
    return next(iter((*alike, *named)), None)
