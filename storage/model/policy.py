"""Escalation policies: who is asked, in which order, after how long."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from storage.model.flaps import NEVER, Flapping


class TargetKind(StrEnum):
    """What a step's target names."""

    PERSON = "person"
    ONCALL = "oncall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a step asks: a person, or whoever is on call on a list."""

    kind: TargetKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an escalation.

    after: how long after the step before (or the trigger) it is taken.
    by:    channels to use, in words of the configuration (`chat`, `sms`, a channel's name);
           empty: the severity decides.
    """

    after: timedelta
    targets: tuple[Target, ...]
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A place where incidents are shown to everyone: a Slack channel, the console."""

    channel: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How an incident reaches people. An incident carries the copy it was opened with.

    steps:         at least one; a repeated step stands here as often as it is to be taken.
    rooms:         where the incident is shown; may be empty.
    group_wait:    how long to gather alerts before anybody is told.
    group_interval: alerts that join later are told together, this long after the first of them;
                   0: at once.
    ack_timeout:   an acknowledgement ends after this, if it is still firing.
    repeat_after:  after the last step, this long until the steps begin again.
    repeat_interval: instead of `repeat_after`; what does not escalate is told again after it as
                   well. 0: what does not escalate is told once.
    reopen_within: trouble that is back within this reopens the incident; later it is a new one.
    flapping:      what counts as flapping.
    """

    name: str
    steps: tuple[Step, ...]
    rooms: tuple[Room, ...] = ()
    group_wait: timedelta = timedelta(0)
    group_interval: timedelta = timedelta(0)
    ack_timeout: timedelta = timedelta(hours=4)
    repeat_after: timedelta = timedelta(minutes=15)
    repeat_interval: timedelta = timedelta(0)
    reopen_within: timedelta = timedelta(minutes=30)
    flapping: Flapping = NEVER
