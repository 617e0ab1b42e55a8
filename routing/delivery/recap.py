"""What a room is told of incidents that it is not shown one by one. Pure.

A room that could not be reached, or that a storm outran, gets the present state: the most urgent
open incidents each in a message of its own, everything else in one. What is only news and waits by
the dozen is told in one as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from routing.delivery.channel import Message
from routing.delivery.compose import LONGEST_SUMMARY
from routing.delivery.words import shortened
from storage.clock import Steady
from storage.model.alert import Severity
from storage.model.delivery import OutboxMessage, Purpose
from storage.model.incident import Incident

MOST_POSTS = 100
"""First messages that may wait for a room: at Slack's one a second less than two minutes."""
TOP = 20
"""Of more than that, so many are shown one by one."""
MANY_NEWS = 10
"""So many that are only news (they ask nobody twice) and wait for one room are told together."""
LATE = 60.0
"""Seconds after which an incident that is over, and was never shown, is not shown any more."""
MOST_NAMED, LONGEST_NAME = 8, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A room's first message about an incident, and the incident as it is."""

    owed: OutboxMessage
    incident: Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Recap:
    """Incidents that a room hears of in one message."""

    over: tuple[Newcomer, ...] = ()
    open: tuple[Newcomer, ...] = ()

    @property
    def all(self) -> tuple[Newcomer, ...]:
        """Both."""
        return (*self.over, *self.open)


def recap(waiting: Sequence[Newcomer], now: Steady) -> Recap:
    """Say which of the first messages that wait for one room are told together."""
    ordered = sorted(waiting, key=_urgency)
    late = [it for it in ordered if not it.incident.status.is_open and _is_late(it.owed, now)]
    left = _without(ordered, late)
    news = [it for it in left if not it.incident.severity.escalates]
    together = news if len(news) >= MANY_NEWS else []
    left = _without(left, together)
    if len(left) > MOST_POSTS:
        together += [it for it in left if not it.incident.status.is_open]
        together += [it for it in left if it.incident.status.is_open][TOP:]
    return Recap(
        over=_sorted([*late, *(it for it in together if not it.incident.status.is_open)]),
        open=_sorted([it for it in together if it.incident.status.is_open]),
    )


def recap_message(told: Recap, console: str) -> Message:
    """Tell them in one message: the urgent ones by name, all by number, so that each is found."""
    lines = []
    if told.over:
        lines.append(f"{_some(told.over)} came and went meanwhile: {_named(told.over)}")
    if told.open:
        lines.append(f"{_some(told.open)} more, still open: {_named(told.open)}")
    lines.append("All of them: `alerts` lists what is open, `show 12` tells one.")
    return Message(
        purpose=Purpose.NOTICE,
        title="What this room has not been shown one by one",
        severity=min((it.incident.severity for it in told.all), key=lambda it: it.rank),
        summary=shortened("\n".join(lines), LONGEST_SUMMARY),
        link=console,
    )


def _without(some: Sequence[Newcomer], others: Sequence[Newcomer]) -> list[Newcomer]:
    gone = {it.owed.id for it in others}
    return [it for it in some if it.owed.id not in gone]


def _sorted(some: Sequence[Newcomer]) -> tuple[Newcomer, ...]:
    return tuple(sorted(some, key=_urgency))


def _is_late(owed: OutboxMessage, now: Steady) -> bool:
    since = owed.not_before if owed.waiting_since is None else owed.waiting_since
    return now - since >= LATE


def _urgency(it: Newcomer) -> tuple[bool, int, int]:
    incident = it.incident
    return (not incident.status.is_open, incident.severity.rank, incident.id)


def _some(some: Sequence[Newcomer]) -> str:
    critical = sum(it.incident.severity is Severity.CRITICAL for it in some)
    count = f"{len(some)} incident{'s' * (len(some) != 1)}"
    return f"{count}, {critical} critical," if critical else count


def _named(some: Sequence[Newcomer]) -> str:
    first = [
        shortened(f"#{it.incident.id} {it.incident.title}", LONGEST_NAME)
        for it in some[:MOST_NAMED]
    ]
    numbers = ranges([it.incident.id for it in some[MOST_NAMED:]])
    return ", ".join([*first, *([f"and {numbers}"] if numbers else [])])


def ranges(numbers: Sequence[int]) -> str:
    """Write many numbers short.

    >>> ranges([7, 3, 4, 5, 9])
    '#3-#5, #7, #9'
    """
    parts = []
    ordered = sorted(set(numbers))
    for _, run in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        parts.append(f"#{found[0]}" if len(found) == 1 else f"#{found[0]}-#{found[-1]}")
    return ", ".join(parts)
