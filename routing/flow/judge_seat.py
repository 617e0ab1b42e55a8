"""One rule group at work: what waits to be judged, when it may be, and how it went."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from routing.flow.judge_record import check_limit
from routing.rules.rule import Rule, RuleGroup
from routing.rules.verdict import States
from storage.clock import Steady

BUSY_SHARE = 4.0
"""A group pauses for as many times as its last judgement took: one never takes the machine."""


RECENT = 1_000
"""Judgements whose durations are remembered, for quantiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStatus:
    """How one rule is doing.

    last_judged: aware UTC.  seconds: how long that took.  problem: what is wrong with it now,
    empty while nothing is.  states: what it remembers of each series, as of now.
    """

    rule: Rule
    last_judged: datetime | None
    seconds: float
    problem: str
    states: States


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long judgements of groups took, in seconds.

    count, total: since start-up.  recent: the latest ones.
    """

    count: int = 0
    total: float = 0.0
    recent: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """How a group is doing.

    last_judged: aware UTC.  seconds: how long that took.  errors: failed judgements of single
    rules since start-up.  problems: rule -> what is wrong with it now.
    iterations:  judgements since start-up.  missed: intervals that passed without one because
    the machine was too busy.  evaluations: judgements of single rules.  series: that they
    answered with the last time, all together.
    """

    key: str
    limit: int
    rules: tuple[RuleStatus, ...]
    iterations: int
    missed: int
    evaluations: int
    series: int

    name: str
    file: str
    interval: float
    last_judged: datetime | None
    seconds: float
    errors: int
    problems: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeStatus:
    """How judging is doing.

    last_judged: when any group was judged last, or found nothing to do; None before.
    late:        groups that were not judged for three of their intervals and a minute.
    durations:   of groups.  evaluations: of single rules.
    """

    last_judged: datetime | None
    late: tuple[str, ...]
    groups: tuple[GroupStatus, ...]
    durations: Durations = Durations()
    evaluations: Durations = Durations()


class Stopwatch:
    """Remembers how long judgements took."""

    def __init__(self) -> None:
        self._count, self._total = 0, 0.0
        self._recent: deque[float] = deque(maxlen=RECENT)

    def add(self, seconds: float) -> float:
        """Note one judgement, and return how long it took."""
        self._count, self._total = self._count + 1, self._total + seconds
        self._recent.append(seconds)
        return seconds

    def read(self) -> Durations:
        """Return what is remembered."""
        return Durations(count=self._count, total=self._total, recent=tuple(self._recent))


@dataclass(slots=True)
class Seat:
    """The place of one group.

    keys:     of its rules, in order.
    wishes:   keys of the rules that are to be judged.  retry: those that storage refused; the
              next tick wishes them again.
    due:      steady moment of the next judgement of all its rules.
    not_before: steady; arrivals are gathered until then.
    """

    group: RuleGroup
    keys: tuple[str, ...]
    due: Steady
    since: Steady
    wishes: set[str] = field(default_factory=set)
    retry: set[str] = field(default_factory=set)
    not_before: float = 0.0
    task: "asyncio.Task[None] | None" = None
    last_judged: datetime | None = None
    judged: Steady | None = None
    seconds: float = 0.0
    errors: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    iterations: int = 0
    missed: int = 0
    evaluations: int = 0
    timed: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    series: dict[str, int] = field(default_factory=dict)

    def take(self) -> list[str]:
        """Return what is asked for, in the order of the group; nothing is asked for after."""
        taken, self.wishes = self.wishes, set()
        return [key for key in self.keys if key in taken]

    def done(self, at: datetime, began: Steady, ended: Steady, gather: float) -> None:
        """Note a judgement, and gather arrivals for a while before the next."""
        self.last_judged, self.judged, self.seconds = at, ended, ended - began
        self.iterations += 1
        pause = min(BUSY_SHARE * self.seconds, self.group.interval.total_seconds())
        self.not_before = ended + max(gather, pause)

    def judged_one(self, key: str, at: datetime, seconds: float) -> None:
        """Note that one rule was judged, well or ill."""
        self.evaluations += 1
        self.timed[key] = at, seconds

    def answered(self, key: str, series: int) -> None:
        """Note with how many series a rule answered; raises QueryError where those are too many."""
        check_limit(series, self.group.limit)
        self.series[key] = series

    def is_late(self, steady: Steady) -> bool:
        """Say whether it waits for far longer than its interval."""
        limit = 3 * self.group.interval.total_seconds() + 60.0
        return steady - (self.judged if self.judged is not None else self.since) > limit

    def status(self, states: Callable[[str], States]) -> GroupStatus:
        """Return how it is doing; `states`: what the rule of a key remembers."""
        return GroupStatus(
            key=self.group.key,
            limit=self.group.limit,
            rules=tuple(map(self._rule, self.group.rules, self.keys, map(states, self.keys))),
            iterations=self.iterations,
            missed=self.missed,
            evaluations=self.evaluations,
            series=sum(self.series.get(key, 0) for key in self.keys),
            name=self.group.name,
            file=self.group.file,
            interval=self.group.interval.total_seconds(),
            last_judged=self.last_judged,
            seconds=self.seconds,
            errors=self.errors,
            problems=dict(self.problems),
        )

    def _rule(self, rule: Rule, key: str, states: States) -> RuleStatus:
        at, seconds = self.timed.get(key, (None, 0.0))
        problem = self.problems.get(key, "")
        return RuleStatus(
            rule=rule, last_judged=at, seconds=seconds, problem=problem, states=states
        )
