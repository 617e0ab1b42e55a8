"""What will be sent about an incident, and when, as things stand now. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from routing.delivery.words import lasting, listed
from routing.incidents.effects import PageStep
from routing.incidents.flapping import is_held_open
from routing.incidents.timeline import named
from routing.oncall.expand import Roster, rings_of
from routing.playbook import Playbook
from storage.clock import Steady
from storage.model.delivery import DeliveryStatus, OutboxMessage, Purpose
from storage.model.incident import Incident
from storage.model.person import PersonId
from storage.model.timer import Timer, TimerKind

Wall = Callable[[Steady], datetime]
"""Says when a steady moment is, by the wall clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Something that happens at `at` (aware UTC) unless an answer or the alerts change it."""

    at: datetime
    what: str


def ahead(
    incident: Incident,
    timers: Sequence[tuple[Timer, Roster]],
    owed: Sequence[OutboxMessage],
    playbook: Playbook,
    wall: Wall,
) -> tuple[Due, ...]:
    """Return what is due next for an open incident, the soonest first.

    timers: those that run, each with who can be asked when it is due.
    owed:   every message of the incident; those that wait are said as well.
    """
    found = [due for timer, roster in timers for due in _of_timer(incident, timer, roster, wall)]
    found += [due for message in owed for due in _of_message(message, playbook, wall)]
    return tuple(sorted(found, key=lambda due: due.at))


def _of_timer(incident: Incident, timer: Timer, roster: Roster, wall: Wall) -> Iterator[Due]:
    at = wall(timer.due_at)
    owner = _name(incident.owner, roster.playbook)
    match timer.kind:
        case TimerKind.GROUP_READY:
            yield Due(at=at, what="the group is complete")
            yield from _asked(incident, 0, at, roster)
        case TimerKind.ESCALATE:
            yield from _escalated(incident, timer.step, at, roster)
        case TimerKind.ACK_EXPIRES | TimerKind.SNOOZE_ENDS:
            word = "acknowledgement" if timer.kind is TimerKind.ACK_EXPIRES else "snooze"
            yield Due(at=at, what=f"the {word} by {owner} ends")
            yield from _from_the_start(incident, at, roster)
        case TimerKind.GROUP_UPDATE:
            count = "1 new alert" if incident.joined == 1 else f"{incident.joined} new alerts"
            yield Due(at=at, what=f"update of the group: {count}")
        case TimerKind.CALM:
            then = "fires still" if incident.firing else "is resolved"
            yield Due(at=at, what=f"if nothing begins or ends before: told that it {then}")


def _escalated(incident: Incident, step: int, at: datetime, roster: Roster) -> Iterator[Due]:
    if is_held_open(incident):
        yield Due(at=at, what=f"step {step + 1} waits until something fires")
    elif not incident.severity.escalates and step > 0:
        yield Due(at=at, what="repeat")
        yield from _asked(incident, 0, at, roster)
    elif step < len(incident.policy.steps):
        yield from _asked(incident, step, at, roster)
    else:
        yield Due(at=at, what=f"repeat: policy {incident.policy.name} begins again")
        yield from _from_the_start(incident, at, roster)


def _from_the_start(incident: Incident, at: datetime, roster: Roster) -> Iterator[Due]:
    """Say whom the first step asks, now or after its delay."""
    if incident.muted:
        muted = named(incident.muted, roster.playbook.people)
        yield Due(at=at, what=f"nobody is asked if it is muted still, {muted}")
        return
    delay = incident.policy.steps[0].after if incident.severity.escalates else at - at
    yield from _asked(incident, 0, at + delay, replace(roster, now=at + delay))


def _asked(incident: Incident, step: int, at: datetime, roster: Roster) -> Iterator[Due]:
    """Say whom a step asks by what, each turn at its time."""
    rings = rings_of(incident, PageStep(incident.round, step), roster)
    turns: dict[tuple[datetime, PersonId], list[str]] = {}
    for ring in rings:
        turns.setdefault((at + ring.after, ring.person), []).append(ring.contact.channel)
    for (moment, person), channels in turns.items():
        by = listed(list(dict.fromkeys(channels)))
        what = f"page to {_name(person, roster.playbook)} by {by} (step {step + 1})"
        yield Due(at=moment, what=what)
    if not rings:
        yield Due(at=at, what=f"step {step + 1} reaches nobody, as things stand")


def _of_message(message: OutboxMessage, playbook: Playbook, wall: Wall) -> Iterator[Due]:
    """Say what waits to be sent: a later turn, the end of quiet hours, another try."""
    if message.status is not DeliveryStatus.WAITING:
        return
    whom = _name(message.person, playbook) if message.person else message.address
    words = {Purpose.PAGE: "page to", Purpose.NOTICE: "notice to", Purpose.ROOM: "message in"}
    what = f"{words.get(message.purpose, message.purpose.value)} {whom} by {message.channel}"
    if message.purpose is Purpose.PAGE:
        what += f" (step {message.step + 1})"
    again = ", once more: it failed" if message.error else ""
    yield Due(at=wall(message.not_before), what=what + again)


def _name(person: PersonId | None, playbook: Playbook) -> str:
    known = playbook.people.get(person) if person else None
    return known.name if known else str(person or "somebody")


def in_words(due: Due, now: datetime) -> str:
    """Write it for people: `22:14 UTC, in 4 min: page to Bob by sms (step 2)`."""
    left = max(due.at - now, now - now)
    same_day = due.at.date() == now.date()
    when = due.at.strftime("%H:%M UTC" if same_day else "%Y-%m-%d %H:%M UTC")
    soon = left.total_seconds() < 1
    return f"now: {due.what}" if soon else f"{when}, in {lasting(left)}: {due.what}"
