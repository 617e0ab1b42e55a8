"""An incident: what a person is asked to answer for, with a number that can be typed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from storage.model.alert import Category, Severity
from storage.model.flaps import STEADY, Flaps
from storage.model.person import PersonId
from storage.model.policy import Policy

IncidentId = NewType("IncidentId", int)


class Status(StrEnum):
    """Where an incident stands."""

    GATHERING = "gathering"
    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    MUTED = "muted"
    RESOLVED = "resolved"

    @property
    def is_open(self) -> bool:
        """Whether it still wants attention, now or later."""
        return self is not Status.RESOLVED


class Verdict(StrEnum):
    """What an alarm was worth, in the eyes of somebody who looked at it.

    REAL: something was wrong, and somebody had to do something.  FALSE: nothing was wrong.
    NONE: something was wrong, and nobody had to do anything.
    """

    REAL = "real"
    FALSE = "false"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident as it stands. Changed only by `routing.incidents.machine`.

    group:          the key of what belongs together (policy and grouping labels).
    policy:         the copy taken at opening; a reload never changes an escalation in flight.
    round:          counts every (re)start of the escalation; never goes back.
    step:           the last step taken in this round; -1 before the first.
    owner:          who acknowledged or snoozed it.
    firing, total:  alerts firing now, and all that ever belonged to it.
    rung:           everyone who was paged for it, in order; they are told how it ends.
    resolved_by:    the person; None where the alerts resolved by themselves.
    cleared_at:     when the last alert stopped firing; with resolved_at decides about reopening.
    quiet:          resolved by hand while still firing: stays quiet until it clears.
    no_data_since:  firing is held only because samples stopped coming, since then.
    undelivered:    a step of this round reached nobody.
    muted:          who keeps all that fires from being heard (`silence 12 by ada until ...`);
                    empty: somebody is to hear.
    flaps:          how often it came and went of late.
    joined:         alerts that began since its rooms were last told how many there are.
    updated_at:     when they were last told of such.
    verdict:        what it was worth, said after its end by `verdict_by` at `verdict_at`.
    version:        counts saves; a save of an older version is refused.
    All times aware UTC.
    """

    id: IncidentId
    group: str
    title: str
    severity: Severity
    policy: Policy
    opened_at: datetime
    category: Category = Category.DEGRADATION
    status: Status = Status.TRIGGERED
    round: int = 0
    step: int = -1
    owner: PersonId | None = None
    firing: int = 1
    total: int = 1
    rung: tuple[PersonId, ...] = ()
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: PersonId | None = None
    cleared_at: datetime | None = None
    quiet: bool = False
    no_data_since: datetime | None = None
    undelivered: bool = False
    muted: str = ""
    flaps: Flaps = STEADY
    joined: int = 0
    updated_at: datetime | None = None
    verdict: Verdict | None = None
    verdict_by: PersonId | None = None
    verdict_at: datetime | None = None
    version: int = 0
