"""What people answer: they take it, put it off, end it, or pass it on."""

from dataclasses import replace
from datetime import datetime

from routing.incidents.asking import NO_TIMERS, ask_from_the_start
from routing.incidents.effects import (
    Announce,
    CancelTimer,
    Effect,
    Effects,
    Hush,
    SetTimer,
    Tell,
    Transition,
)
from routing.incidents.events import Acknowledge, Escalate, Resolve, Snooze
from routing.incidents.flapping import forgotten
from routing.incidents.steps import next_step
from storage.errors import NotAllowed
from storage.model.incident import Incident, Status
from storage.model.person import PersonId
from storage.model.timer import TimerKind


def person_answered(
    incident: Incident, event: Acknowledge | Snooze | Resolve | Escalate, now: datetime
) -> Transition:
    """Do what a person asked, or say why the status forbids it."""
    if incident.quiet and isinstance(event, Escalate):
        return _taken_back(incident, _said(f"escalated by {event.by}, it fires still", event.note))
    if not incident.status.is_open:
        who = f"by {incident.resolved_by}" if incident.resolved_by else "by itself"
        hint = f"; it fires still: `escalate {incident.id}` lets it ring" if incident.quiet else ""
        raise NotAllowed(f"#{incident.id} is already resolved {who}{hint}")
    match event:
        case Acknowledge(by, hold) if incident.status is Status.ACKNOWLEDGED:
            if by != incident.owner or hold is None:
                raise NotAllowed(f"#{incident.id} is already acknowledged by {incident.owner}")
            timer = SetTimer(TimerKind.ACK_EXPIRES, hold, incident.round)
            because = _said(f"acknowledgement by {by} extended", event.note)
            return Transition(
                incident=incident, effects=(timer, Announce()), what="extended", because=because
            )
        case Acknowledge(by, hold):
            after = replace(
                incident,
                status=Status.ACKNOWLEDGED,
                owner=by,
                acknowledged_at=now,
                snoozed_until=None,
                undelivered=False,
            )
            expiry = SetTimer(
                TimerKind.ACK_EXPIRES, hold or incident.policy.ack_timeout, incident.round
            )
            return _answered(after, by, "acknowledged", event.note, "taken", expiry)
        case Snooze(by, hold):
            after = replace(
                incident, status=Status.SNOOZED, owner=by, snoozed_until=now + hold,
                undelivered=False,
            )  # fmt: skip
            end = SetTimer(TimerKind.SNOOZE_ENDS, hold, incident.round)
            return _answered(after, by, "snoozed", event.note, "snoozed", end)
        case Resolve(by):
            steady, rest = forgotten(incident)
            after = replace(
                steady,
                status=Status.RESOLVED,
                resolved_at=now,
                resolved_by=by,
                cleared_at=None,
                quiet=incident.firing > 0,
                snoozed_until=None,
                undelivered=False,
            )
            return _answered(after, by, "resolved", event.note, "over", *rest)
        case Escalate(by):
            return _passed_on(incident, by, _said(f"escalated by {by}", event.note))


def _passed_on(incident: Incident, by: PersonId, because: str) -> Transition:
    """Ask the next ones now. Who holds it lets go of it, and a round begins with that step."""
    if incident.status is Status.TRIGGERED:
        return next_step(incident, because)
    if incident.status is Status.GATHERING:
        after, effects = ask_from_the_start(incident)
        effects = (CancelTimer(TimerKind.GROUP_READY), *effects)
        return Transition(incident=after, effects=effects, what="triggered", because=because)
    free = replace(
        incident,
        status=Status.TRIGGERED,
        round=incident.round + 1,
        owner=None,
        acknowledged_at=None,
        snoozed_until=None,
    )
    on = next_step(free, because)
    held = (incident.owner,) if incident.owner and incident.owner != by else ()
    tell: Effects = (Tell(held, "escalated", because),) if held else ()
    return replace(on, effects=(*NO_TIMERS, Hush(), *tell, *on.effects))


def _taken_back(incident: Incident, because: str) -> Transition:
    """Let ring again what somebody called over while it fired: that was a mistake, or too early."""
    open_again = replace(
        incident, quiet=False, resolved_at=None, resolved_by=None, round=incident.round + 1
    )
    after, effects = ask_from_the_start(open_again)
    return Transition(incident=after, effects=effects, what="reopened", because=because)


def _answered(
    after: Incident, by: PersonId, what: str, note: str, told: str, *timers: Effect
) -> Transition:
    """Stop what is ringing, tell the others who were rung, show the new state."""
    others = tuple(person for person in after.rung if person != by)
    because = _said(f"{what} by {by}", note)
    effects: Effects = (*NO_TIMERS, Hush(), *timers, Tell(others, told, because), Announce())
    return Transition(incident=after, effects=effects, what=what, because=because)


def _said(fact: str, note: str) -> str:
    return f"{fact}: {note}" if note else fact
