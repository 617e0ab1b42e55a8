"""The heart: what each event does to an incident; `docs/incident-machine.md` has it as a table."""

from dataclasses import replace
from datetime import datetime

from routing.alerts.flap import began, is_new, said
from routing.incidents.answers import person_answered
from routing.incidents.asking import NO_TIMERS, ask_from_the_start, begin_again
from routing.incidents.assessing import assessed
from routing.incidents.effects import (
    Announce,
    CancelTimer,
    Effects,
    Hush,
    Refresh,
    SetTimer,
    Tell,
    Transition,
)
from routing.incidents.events import (
    AckExpired,
    Acknowledge,
    AlertsChanged,
    Assess,
    Calm,
    Escalate,
    EscalationDue,
    Event,
    GroupReady,
    Resolve,
    Rung,
    Snooze,
    SnoozeEnded,
    Undelivered,
    UpdateDue,
)
from routing.incidents.flapping import (
    began_to_flap,
    calm,
    change_of,
    forgotten,
    heard,
    is_held_open,
    let_go,
    sentence,
    shown,
    watched,
)
from routing.incidents.gathering import gathers_again, is_untold
from routing.incidents.muting import gathered, heard_again, hush, muted, was_told
from routing.incidents.steps import not_delivered, step_due
from storage.model.flaps import STEADY, Flaps
from storage.model.incident import Incident, IncidentId, Status
from storage.model.policy import Policy
from storage.model.timer import TimerKind


def begin(
    number: IncidentId,
    group: str,
    change: AlertsChanged,
    policy: Policy,
    now: datetime,
    flaps: Flaps = STEADY,
) -> Transition:
    """Open incident `number` for a group of alerts that has none; `now` is aware UTC.

    flaps: how often the one before it came and went, where that is long over.
    """
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
        flaps=began(flaps, policy.flapping, now),
    )
    because = _flapping("alerts began to fire", incident)
    if policy.group_wait:
        effects: Effects = (SetTimer(TimerKind.GROUP_READY, policy.group_wait),)
    else:
        incident, effects = ask_from_the_start(incident)
    return Transition(
        incident=incident, effects=(*effects, *watched(incident)), what="opened", because=because
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
        case Calm(change):
            return _calm(incident, change, now)
        case UpdateDue():
            return _update(incident, now)
        case Rung(people):
            rung = incident.rung + tuple(p for p in people if p not in incident.rung)
            return Transition(incident=replace(incident, rung=rung))
        case Acknowledge() | Snooze() | Resolve() | Escalate():
            return person_answered(incident, event, now)
        case Assess():
            return assessed(incident, event, now)


def _alerts_changed(incident: Incident, change: AlertsChanged, now: datetime) -> Transition:
    """See what it comes to; where it flaps, the wait for calm begins anew."""
    told = _told_of(incident, change, now)
    moved = change_of(told.incident) != change_of(incident)
    more = watched(told.incident) if moved else ()
    return replace(told, effects=(*told.effects, *more)) if more else told


def _told_of(incident: Incident, change: AlertsChanged, now: datetime) -> Transition:
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
        flaps=heard(incident, change, now),
    )
    if not incident.status.is_open:
        return _alerts_after_the_end(incident, after, now)
    if not change.firing:
        held = after.flaps.since is not None and not after.muted and was_told(after)
        if held:
            return Transition(incident=incident) if after == incident else shown(after)
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
    return _counted(incident, after, now)


def _counted(incident: Incident, after: Incident, now: datetime) -> Transition:
    """Other alerts fire than before: told at once, except what flaps, and what joins a group that
    gathers for a while. What is told at once tells of what has joined, too."""
    more = after.firing - incident.firing
    new = max(0, after.total - incident.total)
    if is_new(incident.flaps, after.flaps):
        return began_to_flap(after)
    if after.flaps.held and after.status is Status.TRIGGERED:
        return step_due(after, "it fires again, nobody answered in time")
    if after.flaps.since is not None and (after.flaps != incident.flaps or more <= 0):
        return shown(after)
    if after.policy.group_interval and more > 0 and more >= new:
        after = replace(after, joined=incident.joined + more)
        wait = SetTimer(TimerKind.GROUP_UPDATE, after.policy.group_interval)
        first = () if incident.joined else (wait,)
        return Transition(incident=after, effects=(*first, Refresh()))
    began = max(new, more)
    told = _joined(after, incident.joined + began, now, over=began - more)
    waits = (CancelTimer(TimerKind.GROUP_UPDATE),) if incident.joined else ()
    return replace(told, effects=(*waits, *told.effects))


def _update(incident: Incident, now: datetime) -> Transition:
    """Tell of the alerts that joined since the rooms were told last."""
    if not incident.joined or not incident.status.is_open:
        return Transition(incident=incident)
    if incident.muted or not incident.firing:
        return Transition(incident=replace(incident, joined=0, updated_at=now))
    return _joined(incident, incident.joined, now)


def _joined(incident: Incident, joined: int, now: datetime, *, over: int = 0) -> Transition:
    """Tell how many alerts joined, how many are over, and what fires now."""
    after = replace(incident, joined=0, updated_at=now if joined else incident.updated_at)
    ends = [f"{_alerts(over)} {'is' if over == 1 else 'are'} over"] if over else []
    count = f"{joined} more" if ends else "1 more alert" if joined == 1 else f"{joined} more alerts"
    begins = [f"{count} began to fire"] if joined else []
    firing = (
        f"{incident.firing} firing now" if ends or begins else f"{_alerts(incident.firing)} firing"
    )
    because = ", ".join((*ends, *begins, firing))
    return Transition(incident=after, effects=(Announce(),), what="alerts", because=because)


def _calm(incident: Incident, change: int, now: datetime) -> Transition:
    """Nothing moved for long enough: what was held open is over, or it is said that it fires."""
    if incident.flaps.since is None or change != change_of(incident):
        return Transition(incident=incident)
    return _cleared(incident, now) if is_held_open(incident) else calm(incident, now)


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
        return Transition(incident=replace(after, flaps=incident.flaps))
    if after.muted:
        return Transition(incident=incident)
    if not belongs(incident, now):
        return Transition(incident=incident)
    if after.policy.group_wait and is_untold(incident):
        return gathers_again(after)
    reopened = replace(
        after, resolved_at=None, resolved_by=None, cleared_at=None, round=incident.round + 1
    )
    reopened, effects = ask_from_the_start(reopened)
    because = _flapping("the trouble is back", reopened)
    return Transition(incident=reopened, effects=effects, what="reopened", because=because)


def _cleared(incident: Incident, now: datetime) -> Transition:
    """Nothing fires any more: it resolves by itself."""
    told = was_told(incident)
    steady, rest = forgotten(incident)
    after = replace(
        steady,
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
    effects: Effects = (*NO_TIMERS, *rest)
    if told:
        effects = (*effects, Hush(), *over, Announce())
    because = "all alerts cleared" if told else "all alerts cleared before anybody was told"
    if told and incident.flaps.since is not None:
        because += f", after {said(incident.flaps)}"
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
            return step_due(incident, "nobody answered in time" if step else "its time has come")
        case Undelivered(at, step) if (
            status is Status.TRIGGERED and at == here and step <= incident.step
        ):
            return not_delivered(incident, step)
        case AckExpired(at) if status is Status.ACKNOWLEDGED and at == here:
            return _let_go(incident, f"the acknowledgement by {incident.owner} is over")
        case SnoozeEnded(at) if status is Status.SNOOZED and at == here:
            return _let_go(incident, f"the snooze by {incident.owner} is over")
    return Transition(incident=incident)


def _let_go(incident: Incident, because: str) -> Transition:
    """Nobody has it any more: begin again, or wait for the end of what mutes it."""
    if incident.muted:
        return hush(incident, f"{because}; muted, {incident.muted}")
    if is_held_open(incident):
        return let_go(incident, because)
    return begin_again(incident, because)


def _flapping(fact: str, incident: Incident) -> str:
    return f"{fact}; {sentence(incident)}" if incident.flaps.since is not None else fact


def _alerts(count: int) -> str:
    return f"{count} alert" if count == 1 else f"{count} alerts"


def _data_sentence(incident: Incident) -> str:
    if incident.no_data_since is None:
        return "samples are coming again"
    return f"no data since {incident.no_data_since:%H:%M:%S} UTC; held as firing"
