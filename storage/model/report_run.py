"""A scheduled report that is owed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from storage.clock import Steady


class RunStatus(StrEnum):
    """WAITING: to be made.  MADE: made, and in the outbox for everyone.  FAILED: given up."""

    WAITING = "waiting"
    MADE = "made"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """One report that came due: the row that makes it survive a crash.

    key:        names schedule and moment; unique, so that a moment comes once.
    words:      what was ordered, such as `performance checkout 24h`.
    to:         (channel, address) of everyone who gets it, as it was when it came due.
    due_at:     when it was due, aware UTC; its period ends then.
    zone:       the schedule's time zone, for the moment as people read it.
    not_before: steady; it is not made earlier (a try holds it for a while).
    body:       the finished report as JSON; empty until it is made.
    """

    key: str
    words: str
    to: tuple[tuple[str, str], ...]
    due_at: datetime
    zone: str
    not_before: Steady
    status: RunStatus = RunStatus.WAITING
    attempts: int = 0
    body: str = ""
