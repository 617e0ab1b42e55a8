"""When to try again, and when to stop. Pure; seconds on the steady scale."""

from dataclasses import dataclass

from storage.clock import Steady
from storage.model.delivery import Purpose

FIRST_GAP, LONGEST_GAP = 1.0, 60.0
MOST_TRIES = 10
MOST_TRIES_OF_A_REPORT = 480
"""One try in 45 s on average, so about six hours."""
MOST_TRIES_OF_A_ROOM = 1_920
"""Of a room whose incident is over: one try in 45 s on average, so about a day."""


def gap(attempts: int, jitter: float) -> float:
    """Return seconds to wait after the `attempts`-th failure (from 1).

    Doubles from one second to a minute. jitter: in [0, 1); takes off up to a half, so that gaps
    keep growing and two workers that failed together do not come back together.
    """
    ceiling = min(LONGEST_GAP, FIRST_GAP * 2.0 ** min(attempts - 1, 16))
    return float(ceiling * (1.0 - jitter / 2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Try again, not before this moment."""

    not_before: Steady


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """That was the last try; says why."""

    reason: str


def after_failure(
    purpose: Purpose,
    attempts: int,
    *,
    now: Steady,
    jitter: float,
    asked: float | None = None,
    is_open: bool = True,
) -> Again | GiveUp:
    """Say whether and when a message that failed for the moment is tried again.

    attempts: tries so far.   asked: seconds the provider asked to wait; never undercut.
    is_open: whether the incident still is. A room is tried as long as it is, and then about a
    day longer; pages and notices have a last try (a page's deadline may come before it).
    """
    most = MOST_TRIES
    if purpose is Purpose.REPORT:
        most = MOST_TRIES_OF_A_REPORT
    elif purpose is Purpose.ROOM:
        most = attempts + 1 if is_open else MOST_TRIES_OF_A_ROOM
    if attempts >= most:
        return GiveUp(reason=f"given up after {attempts} tries")
    return Again(not_before=Steady(now + max(gap(attempts, jitter), asked or 0.0)))


def poll_gap(polls: int) -> float:
    """Return seconds to wait before asking for an outcome the next time: 2, 4, 8, ... 60."""
    return float(min(LONGEST_GAP, 2.0 ** min(polls + 1, 16)))
