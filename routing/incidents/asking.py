"""How an incident asks people: from the first step on, step by step, and over again."""

from dataclasses import replace

from routing.alerts.flap import taken
from routing.incidents.effects import (
    Announce,
    CancelTimer,
    Effects,
    Hush,
    PageStep,
    SetTimer,
    Transition,
)
from storage.model.incident import Incident, Status
from storage.model.timer import TimerKind

ASKING = (
    *(TimerKind.GROUP_READY, TimerKind.ESCALATE),
    *(TimerKind.ACK_EXPIRES, TimerKind.SNOOZE_ENDS),
)
"""Timers that ask somebody; one at most runs at a time."""
NO_TIMERS: Effects = tuple(CancelTimer(kind) for kind in ASKING)


def begin_again(incident: Incident, because: str, what: str = "triggered") -> Transition:
    """Start the policy over in a new round."""
    after, effects = ask_from_the_start(replace(incident, round=incident.round + 1))
    return Transition(
        incident=after, effects=(*NO_TIMERS, Hush(), *effects), what=what, because=because
    )


def ask_from_the_start(incident: Incident) -> tuple[Incident, Effects]:
    """Trigger: take the first step now, or when its delay is over."""
    after = replace(
        incident,
        status=Status.TRIGGERED,
        step=-1,
        owner=None,
        acknowledged_at=None,
        snoozed_until=None,
        undelivered=False,
        flaps=taken(incident.flaps),
    )
    delay = after.policy.steps[0].after
    if delay and after.severity.escalates:
        wait = SetTimer(TimerKind.ESCALATE, delay, after.round, 0)
        return after, (wait, Announce())
    after, effects = take_step(after, 0)
    return after, (*effects, Announce())


def take_step(incident: Incident, step: int) -> tuple[Incident, Effects]:
    """Ask the people of `step`, and set the timer for what follows if nobody answers.

    What does not escalate is asked again only where the policy says so.
    """
    page = PageStep(incident.round, step)
    after = replace(incident, step=step, flaps=taken(incident.flaps))
    policy, following = incident.policy, step + 1
    if not incident.severity.escalates:
        wait = policy.repeat_interval
    elif following < len(policy.steps):
        wait = policy.steps[following].after
    else:
        wait = policy.repeat_interval or policy.repeat_after
    if not wait and not incident.severity.escalates:
        return after, (page,)
    return after, (page, SetTimer(TimerKind.ESCALATE, wait, incident.round, following))
