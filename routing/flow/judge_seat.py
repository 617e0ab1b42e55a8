"""One rule group at work: what waits to be judged, when it may be, and how it went."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from routing.rules.rule import RuleGroup
from storage.clock import Steady

BUSY_SHARE = 4.0
"""A group pauses for as many times as its last judgement took: one never takes the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """How a group is doing.

    last_judged: aware UTC.  seconds: how long that took.  errors: failed judgements of single
    rules since start-up.  problems: rule -> what is wrong with it now.
    """

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
    """

    last_judged: datetime | None
    late: tuple[str, ...]
    groups: tuple[GroupStatus, ...]


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

    def take(self) -> list[str]:
        """Return what is asked for, in the order of the group; nothing is asked for after."""
        taken, self.wishes = self.wishes, set()
        return [key for key in self.keys if key in taken]

    def done(self, at: datetime, began: Steady, ended: Steady, gather: float) -> None:
        """Note a judgement, and gather arrivals for a while before the next."""
        self.last_judged, self.judged, self.seconds = at, ended, ended - began
        pause = min(BUSY_SHARE * self.seconds, self.group.interval.total_seconds())
        self.not_before = ended + max(gather, pause)

    def is_late(self, steady: Steady) -> bool:
        """Say whether it waits for far longer than its interval."""
        limit = 3 * self.group.interval.total_seconds() + 60.0
        return steady - (self.judged if self.judged is not None else self.since) > limit

    def status(self) -> GroupStatus:
        """Return how it is doing."""
        return GroupStatus(
            name=self.group.name,
            file=self.group.file,
            interval=self.group.interval.total_seconds(),
            last_judged=self.last_judged,
            seconds=self.seconds,
            errors=self.errors,
            problems=dict(self.problems),
        )
