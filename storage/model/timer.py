"""Timers: something that is due later, as a row that survives a crash."""

from dataclasses import dataclass
from enum import StrEnum

from storage.clock import Steady
from storage.model.incident import IncidentId


class TimerKind(StrEnum):
    """What happens when it is due."""

    GROUP_READY = "group_ready"
    ESCALATE = "escalate"
    ACK_EXPIRES = "ack_expires"
    SNOOZE_ENDS = "snooze_ends"
    GROUP_UPDATE = "group_update"
    CALM = "calm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """At most one of each kind for an incident; setting it again moves it.

    due_at:      on the steady scale, so that it follows elapsed time and not the wall clock.
    round, step: what it was set for; the machine recognises one that comes late.
    """

    incident: IncidentId
    kind: TimerKind
    due_at: Steady
    round: int = 0
    step: int = 0
