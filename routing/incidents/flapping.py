"""What it does to an incident that it comes and goes: it stays open, and nobody hears each time."""

from dataclasses import replace
from datetime import datetime

from routing.alerts.flap import began, calmed, ended, often, said
from routing.delivery.words import lasting
from routing.incidents.asking import NO_TIMERS
from routing.incidents.effects import (
    Announce,
    CancelTimer,
    Effects,
    Hush,
    Refresh,
    SetTimer,
    Transition,
)
from routing.incidents.events import AlertsChanged
from storage.model.flaps import Flaps
from storage.model.incident import Incident, Status
from storage.model.timer import TimerKind


def heard(incident: Incident, change: AlertsChanged, now: datetime) -> Flaps:
    """Return how often the incident began to fire of late, once it has heard of `change`.

    It began when nothing fired before, or when an alert fires again that was over; one that joins
    for the first time while others fire is no coming and going. What is muted does not count.
    """
    more = change.firing - incident.firing
    again = more > max(0, change.total - incident.total)
    if change.muted or not (again or (more > 0 and not incident.firing)):
        return incident.flaps
    return began(incident.flaps, incident.policy.flapping, now)


def change_of(incident: Incident) -> int:
    """Count what began and what ended while it flaps, so that a late timer is recognised."""
    return 2 * incident.flaps.count + (not incident.firing)


def is_held_open(incident: Incident) -> bool:
    """Say whether it is open although nothing fires, because it flaps."""
    return incident.flaps.since is not None and incident.status.is_open and not incident.firing


def calm_timer(incident: Incident) -> SetTimer | None:
    """Wait for calm, from this change on; None where it does not flap."""
    if incident.flaps.since is None or not incident.status.is_open:
        return None
    return SetTimer(TimerKind.CALM, incident.policy.flapping.calm, step=change_of(incident))


def watched(incident: Incident) -> Effects:
    """Return the same as what follows."""
    timer = calm_timer(incident)
    return (timer,) if timer else ()


def began_to_flap(incident: Incident) -> Transition:
    """It has come and gone too often: that is told once, and what follows is only shown."""
    return Transition(
        incident=incident, effects=(Announce(),), what="flapping", because=sentence(incident)
    )


def sentence(incident: Incident) -> str:
    """Say for the record that it flaps, and what follows from that."""
    calm = lasting(incident.policy.flapping.calm)
    return f"{said(incident.flaps)}; it stays open until it has been calm for {calm}"


def shown(incident: Incident) -> Transition:
    """It began or ended, as often before: the message in the room says how often, and no more."""
    return Transition(incident=incident, effects=(Refresh(),))


def put_off(incident: Incident) -> Transition:
    """A step is due and nothing fires: whoever it asks is asked when something does."""
    held = replace(incident, flaps=replace(incident.flaps, held=True))
    wait = SetTimer(
        TimerKind.ESCALATE, incident.policy.flapping.calm, incident.round, incident.step + 1
    )
    because = "nobody answered in time; nothing fires: the next step waits until it does"
    first = () if incident.flaps.held else (Announce(),)
    what = "" if incident.flaps.held else "put off"
    return Transition(incident=held, effects=(wait, *first), what=what, because=because)


def let_go(incident: Incident, because: str) -> Transition:
    """Nobody has it any more, and nothing fires: it asks from the start when something does."""
    free = replace(
        incident,
        status=Status.TRIGGERED,
        round=incident.round + 1,
        step=-1,
        owner=None,
        acknowledged_at=None,
        snoozed_until=None,
        undelivered=False,
    )
    waits = put_off(free)
    return replace(
        waits,
        effects=(*NO_TIMERS, Hush(), *waits.effects),
        because=f"{because}; nothing fires: it asks again when something does",
    )


def calm(incident: Incident, now: datetime) -> Transition:
    """It is calm and fires still: say so. Its escalation has been going on all the time."""
    lately = f"flapped {often(incident.flaps)}"
    after = replace(incident, flaps=calmed(incident.flaps, now))
    if incident.status is Status.MUTED or incident.muted:
        return Transition(incident=after)
    firing = "1 alert" if after.firing == 1 else f"{after.firing} alerts"
    because = f"calm since {lasting(incident.policy.flapping.calm)}, {firing} firing; {lately}"
    return Transition(incident=after, effects=(Announce(),), what="calm", because=because)


def forgotten(incident: Incident) -> tuple[Incident, Effects]:
    """Let it wait no more for calm and for the group's update: it is over, or nobody hears it."""
    kinds = (TimerKind.CALM,) if incident.flaps.since is not None else ()
    more = (TimerKind.GROUP_UPDATE,) if incident.joined else ()
    after = replace(incident, flaps=ended(incident.flaps), joined=0)
    return after, tuple(CancelTimer(kind) for kind in (*kinds, *more))
