"""The heart: what each event does to an incident; `docs/incident-machine.md` has it as a table."""

from dataclasses import replace
from datetime import datetime

from routing.incidents.asking import NO_TIMERS, ask_from_the_start, begin_again, take_step
from routing.incidents.effects import (
    Announce,
    CancelTimer,
    Effects,
    Hush,
    SetTimer,
    Tell,
    TellAdmins,
    Transition,
)
from routing.incidents.events import (
    AckExpired,
    Acknowledge,
    AlertsChanged,
    Escalate,
    EscalationDue,
    Event,
    GroupReady,
    Resolve,
    Rung,
    Snooze,
    SnoozeEnded,
    Undelivered,
)
from routing.incidents.muting import gathered, heard_again, hush, muted, was_told
from storage.errors import NotAllowed
from storage.model.incident import Incident, IncidentId, Status
from storage.model.person import PersonId
from storage.model.policy import Policy
from storage.model.timer import TimerKind


def begin(
    number: IncidentId, group: str, change: AlertsChanged, policy: Policy, now: datetime
) -> Transition:
    """Open incident `number` for a group of alerts that has none; `now` is aware UTC."""
    incident = Incident(
        id=number,
        group=group,
        title=change.title,
        severity=change.severity,
        category=change.category,
        policy=policy,
        opened_at=now,
        status=Status.GATHERING,
        firing=change.firing,
        total=change.total,
        no_data_since=change.no_data_since,
    )
    if policy.group_wait:
        wait = SetTimer(TimerKind.GROUP_READY, policy.group_wait)
        return Transition(
            incident=incident, effects=(wait,), what="opened", because="alerts began to fire"
        )
    incident, effects = ask_from_the_start(incident)
    return Transition(
        incident=incident, effects=effects, what="opened", because="alerts began to fire"
    )


def belongs(incident: Incident, now: datetime) -> bool:
    """Say whether an alert of the same group that begins at `now` belongs to this incident.

    It does while the incident is open and for `policy.reopen_within` after it was over; later
    trouble opens a new number. So does an alert that begins while the incident is quiet: who
    resolved it by hand spoke of what fired then, and silence for all that follows is not that.
    """
    if incident.status.is_open:
        return True
    if incident.quiet:
        return False
    over = incident.cleared_at or incident.resolved_at
    return over is not None and now - over <= incident.policy.reopen_within


def transition(incident: Incident, event: Event, now: datetime) -> Transition:
    """Say what `event`, arriving at `now` (aware UTC), does to `incident`.

    Pure: reads no clock, no database; the caller carries the effects out, in order.
    A timer that arrives late changes nothing. A person who asks for what the status
    forbids is told so: raises NotAllowed.
    """
    match event:
        case AlertsChanged():
            return _alerts_changed(incident, event, now)
        case GroupReady() | EscalationDue() | Undelivered() | AckExpired() | SnoozeEnded():
            return _time_passed(incident, event)
        case Rung(people):
            heard = incident.rung + tuple(p for p in people if p not in incident.rung)
            return Transition(incident=replace(incident, rung=heard))
        case Acknowledge() | Snooze() | Resolve() | Escalate():
            return _person_answered(incident, event, now)


def _alerts_changed(incident: Incident, change: AlertsChanged, now: datetime) -> Transition:
    """Take over what fires now, then see whether that ends, begins or worsens anything."""
    worse = change.firing > 0 and change.severity.rank < incident.severity.rank
    fresh = not incident.status.is_open and not incident.quiet
    after = replace(
        incident,
        firing=change.firing,
        total=change.total,
        title=change.title if change.firing else incident.title,
        severity=change.severity if worse or (fresh and change.firing) else incident.severity,
        category=change.category if change.firing else incident.category,
        no_data_since=change.no_data_since,
        muted=change.muted if change.firing else incident.muted,
    )
    if not incident.status.is_open:
        return _alerts_after_the_end(incident, after, now)
    if not change.firing:
        return _cleared(after, now)
    if after.muted and not incident.muted:
        return muted(after)
    if incident.muted and not after.muted and not (worse and incident.status is Status.TRIGGERED):
        return _worse(after) if worse and incident.owner else heard_again(after)
    if worse and not after.muted and incident.status is not Status.GATHERING:
        return _worse(after)
    if after == incident:
        return Transition(incident=incident)
    if not was_told(incident):
        return Transition(incident=after)
    if after.no_data_since != incident.no_data_since:
        return Transition(
            incident=after, effects=(Announce(),), what="no data", because=_data_sentence(after)
        )
    because = f"{_alerts(after.firing)} firing, {_alerts(incident.firing)} before"
    return Transition(incident=after, effects=(Announce(),), what="alerts", because=because)


def _alerts_after_the_end(incident: Incident, after: Incident, now: datetime) -> Transition:
    """Resolved already: note that it cleared, stay quiet, or open again."""
    if not after.firing:
        if incident.quiet:
            cleared = replace(after, quiet=False, cleared_at=now)
            return Transition(
                incident=cleared, effects=(Announce(),), what="cleared", because="alerts cleared"
            )
        return Transition(incident=after)
    if incident.quiet:
        return Transition(incident=after)
    if after.muted:
        return Transition(incident=incident)
    if not belongs(incident, now):
        return Transition(incident=incident)
    reopened = replace(
        after, resolved_at=None, resolved_by=None, cleared_at=None, round=incident.round + 1
    )
    reopened, effects = ask_from_the_start(reopened)
    return Transition(
        incident=reopened, effects=effects, what="reopened", because="the trouble is back"
    )


def _cleared(incident: Incident, now: datetime) -> Transition:
    """Nothing fires any more: it resolves by itself."""
    told = was_told(incident)
    after = replace(
        incident,
        status=Status.RESOLVED,
        resolved_at=now,
        cleared_at=now,
        resolved_by=None,
        snoozed_until=None,
        no_data_since=None,
        muted="",
    )
    # Of what was muted to its end nobody is told, as with Alertmanager; the rooms show it.
    over = () if incident.muted else (Tell(incident.rung, "over", "resolved by itself"),)
    effects: Effects = (*NO_TIMERS, Hush(), *over, Announce()) if told else NO_TIMERS
    because = "all alerts cleared" if told else "all alerts cleared before anybody was told"
    return Transition(incident=after, effects=effects, what="resolved", because=because)


def _worse(incident: Incident) -> Transition:
    """The severity rose: ask again by its channels, or tell the one who has it."""
    because = f"severity rose to {incident.severity}"
    if incident.status is Status.ACKNOWLEDGED and incident.owner:
        tell = Tell((incident.owner,), f"worse/{incident.severity}", because)
        return Transition(
            incident=incident, effects=(tell, Announce()), what="worse", because=because
        )
    return begin_again(incident, because, what="worse")


def _time_passed(
    incident: Incident,
    event: GroupReady | EscalationDue | Undelivered | AckExpired | SnoozeEnded,
) -> Transition:
    """Take a due step, or recognise that the timer comes late and change nothing."""
    status, here = incident.status, incident.round
    match event:
        case GroupReady() if status is Status.GATHERING and incident.muted:
            return gathered(incident)
        case GroupReady() if status is Status.GATHERING:
            after, effects = ask_from_the_start(incident)
            return Transition(
                incident=after, effects=effects, what="triggered", because="group complete"
            )
        case EscalationDue(at, step) if (
            status is Status.TRIGGERED and at == here and step == incident.step + 1
        ):
            return _next_step(incident, because="nobody answered in time")
        case Undelivered(at, step) if (
            status is Status.TRIGGERED and at == here and step <= incident.step
        ):
            return _not_delivered(incident, step)
        case AckExpired(at) if status is Status.ACKNOWLEDGED and at == here:
            return _let_go(incident, f"the acknowledgement by {incident.owner} is over")
        case SnoozeEnded(at) if status is Status.SNOOZED and at == here:
            return _let_go(incident, f"the snooze by {incident.owner} is over")
    return Transition(incident=incident)


def _let_go(incident: Incident, because: str) -> Transition:
    """Nobody has it any more: begin again, or wait for the end of what mutes it."""
    if incident.muted:
        return hush(incident, f"{because}; muted, {incident.muted}")
    return begin_again(incident, because)


def _next_step(incident: Incident, because: str) -> Transition:
    """Take the following step; after the final one begin again and tell an administrator."""
    if incident.step + 1 < len(incident.policy.steps):
        after, effects = take_step(incident, incident.step + 1)
        because = f"step {after.step + 1} of {len(incident.policy.steps)}: {because}"
        return Transition(
            incident=after, effects=(*effects, Announce()), what="step", because=because
        )
    finished = f"policy {incident.policy.name!r} is finished: {because}"
    again = begin_again(incident, f"{finished}; beginning again", what="repeat")
    tell = TellAdmins(f"finished/{incident.round}", finished)
    return replace(again, effects=(*again.effects, tell))


def _not_delivered(incident: Incident, step: int) -> Transition:
    """A step reached nobody: say so, and go on at once where a later step is left."""
    after = replace(incident, undelivered=True)
    because = f"step {step + 1} reached nobody"
    tell = TellAdmins(f"undelivered/{incident.round}/{step}", because)
    last = len(incident.policy.steps) - 1
    if step < incident.step or step == last or not incident.severity.escalates:
        # Later steps are on their way already, or the last one has failed and its timer, which
        # begins the policy again, is running: asking again at once would only spin.
        return Transition(
            incident=after, effects=(tell, Announce()), what="not delivered", because=because
        )
    after, effects = take_step(after, step + 1)
    return Transition(
        incident=after,
        effects=(*effects, tell, Announce()),
        what="not delivered",
        because=f"{because}; step {step + 2} at once",
    )


def _person_answered(
    incident: Incident, event: Acknowledge | Snooze | Resolve | Escalate, now: datetime
) -> Transition:
    """Do what a person asked, or say why the status forbids it."""
    if not incident.status.is_open:
        who = f"by {incident.resolved_by}" if incident.resolved_by else "by itself"
        raise NotAllowed(f"#{incident.id} is already resolved {who}")
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
            after = replace(
                incident,
                status=Status.RESOLVED,
                resolved_at=now,
                resolved_by=by,
                cleared_at=None,
                quiet=incident.firing > 0,
                snoozed_until=None,
                undelivered=False,
            )
            return _answered(after, by, "resolved", event.note, "over")
        case Escalate(by):
            return _passed_on(incident, by, _said(f"escalated by {by}", event.note))


def _passed_on(incident: Incident, by: PersonId, because: str) -> Transition:
    """Ask the next ones now. Who holds it lets go of it, and a round begins with that step."""
    if incident.status is Status.TRIGGERED:
        return _next_step(incident, because)
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
    on = _next_step(free, because)
    held = (incident.owner,) if incident.owner and incident.owner != by else ()
    tell: Effects = (Tell(held, "escalated", because),) if held else ()
    return replace(on, effects=(*NO_TIMERS, Hush(), *tell, *on.effects))


def _answered(
    after: Incident, by: PersonId, what: str, note: str, told: str, *timers: SetTimer
) -> Transition:
    """Stop what is ringing, tell the others who were rung, show the new state."""
    others = tuple(person for person in after.rung if person != by)
    because = _said(f"{what} by {by}", note)
    effects: Effects = (*NO_TIMERS, Hush(), *timers, Tell(others, told, because), Announce())
    return Transition(incident=after, effects=effects, what=what, because=because)


def _said(fact: str, note: str) -> str:
    return f"{fact}: {note}" if note else fact


def _alerts(count: int) -> str:
    return f"{count} alert" if count == 1 else f"{count} alerts"


def _data_sentence(incident: Incident) -> str:
    if incident.no_data_since is None:
        return "samples are coming again"
    return f"no data since {incident.no_data_since:%H:%M:%S} UTC; held as firing"
