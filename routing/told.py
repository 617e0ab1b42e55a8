"""Whom an incident was told to, and who was not told, and why: in sentences. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from routing.delivery.words import flat, lasting, listed, moment, shortened
from routing.incidents.flapping import sentence
from routing.incidents.timeline import named
from storage.model.audit import AuditRow
from storage.model.delivery import DeliveryStatus, OutboxMessage, Purpose
from storage.model.incident import Incident, Status
from storage.model.person import Person, PersonId
from storage.model.policy import Policy, Target, TargetKind
from storage.model.silence import Silence

LONGEST, MOST_ASKED, MOST_LINES = 400, 4, 5
TOOK = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.UNPROVEN)
UNTOLD = ("put off", "asked nobody", "not delivered", "muted", "flapping")
"""Lines of an incident's record that say why somebody did not hear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One step of the way: `topic` in a word or two, `text` in a sentence. at: aware UTC."""

    topic: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What sentences need besides. silences: by uuid, those still kept, over or not."""

    people: Mapping[PersonId, Person]
    now: datetime
    silences: Mapping[str, Silence]

    def name(self, person: PersonId | None) -> str:
        """Return how a person is called."""
        known = self.people.get(person) if person else None
        return flat(known.name if known else person or "")

    def when(self, at: datetime) -> str:
        """Write a time to the second where it is today's, else with its date."""
        return f"{at:%H:%M:%S} UTC" if at.date() == self.now.date() else moment(at, self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An incident as it is looked into. record: oldest first.  ready: when its group is complete,
    where it still gathers."""

    incident: Incident
    record: Sequence[AuditRow]
    messages: Sequence[OutboxMessage]
    ready: datetime | None = None


def way_of_incident(case: Case, context: Context) -> tuple[Point, ...]:
    """Tell what was gathered into an incident, who was told, and who was not, and why."""
    incident = case.incident
    wait = incident.policy.group_wait
    text = f"group {short(incident.group)}; {incident.firing} of {_alerts(incident.total)} firing"
    if wait:
        text += f"; others were waited for, {lasting(wait)}"
    return (
        Point(topic="grouped into", text=text, at=incident.opened_at),
        *_steps_taken(case, context),
        *_gathered(case, context),
        *_flapping(incident),
        *_not_told(case, context),
    )


def headline(case: Case, context: Context) -> str:
    """Say in a sentence who was asked, or why nobody was."""
    if asked := _asked(case, context):
        return f"Asked {asked}."
    shown = [it for it in _went(case.messages) if it.purpose is Purpose.ROOM]
    reason = reason_of(case, context)
    if shown:
        where = listed([f"{it.channel} {it.address}" for it in shown[:3]])
        return f"Nobody was asked{reason}; shown in {where}."
    return f"Nobody was told{reason}."


def _steps_taken(case: Case, context: Context) -> list[Point]:
    """Say for each step that was taken whom it means and whom that asked: why it was them."""
    steps: dict[tuple[int, int], list[OutboxMessage]] = {}
    for it in _went(case.messages):
        if it.purpose is Purpose.PAGE:
            steps.setdefault((it.round, it.step), []).append(it)
    return [_step_taken(case.incident.policy, *some) for some in _named(steps, context)]


def _named(
    steps: Mapping[tuple[int, int], Sequence[OutboxMessage]], context: Context
) -> list[tuple[int, str, datetime | None]]:
    found = []
    for (_, step), pages in sorted(steps.items())[-MOST_ASKED:]:
        ways: dict[PersonId | None, list[str]] = {}
        for it in pages:
            ways.setdefault(it.person, []).append(it.channel)
        who = [
            f"{context.name(it)} by {listed(list(dict.fromkeys(by)))}" for it, by in ways.items()
        ]
        at = min((it.sent_at for it in pages if it.sent_at), default=None)
        found.append((step, listed(who), at))
    return found


def _step_taken(policy: Policy, step: int, who: str, at: datetime | None) -> Point:
    meant = policy.steps[step].targets if step < len(policy.steps) else ()
    words = listed([_target(it) for it in meant])
    of = f"step {step + 1} of {len(policy.steps)} of policy {policy.name}"
    return Point(
        topic="asked", text=f"{who}: {of} asks {words}" if words else f"{who}: {of}", at=at
    )


def _target(target: Target) -> str:
    on_call = target.kind is TargetKind.ONCALL
    return f"who is on call for {target.name}" if on_call else target.name


def _asked(case: Case, context: Context) -> str:
    """List who was asked, by which ways and when, the first of them."""
    ways: dict[tuple[PersonId, str], list[str]] = {}
    for it in sorted(_went(case.messages), key=lambda it: it.sent_at or it.created_at):
        if it.purpose is Purpose.PAGE and it.person:
            at = moment(it.sent_at or it.created_at, context.now)
            ways.setdefault((it.person, at), []).append(it.channel)
    told = [
        f"{context.name(who)} by {listed(list(dict.fromkeys(by)))} at {at}"
        for (who, at), by in ways.items()
    ]
    more = len(told) - MOST_ASKED
    times = "once more" if more == 1 else f"{more} times more"
    return listed([*told[:MOST_ASKED], *([times] if more > 0 else [])])


def _went(messages: Sequence[OutboxMessage]) -> list[OutboxMessage]:
    return [it for it in messages if it.status in TOOK]


def reason_of(case: Case, context: Context) -> str:
    """Say why nobody was asked, behind a colon; empty where the record says nothing of it."""
    incident = case.incident
    told = [row for row in case.record if row.what in UNTOLD]
    match incident.status:
        case Status.GATHERING if case.ready:
            return f": it gathers until {context.when(case.ready)}, then it asks"
        case Status.MUTED | Status.GATHERING if incident.muted:
            return f": muted, {flat(named(incident.muted, context.people))}"
        case Status.RESOLVED if any("before anybody" in row.because for row in case.record):
            return ": all of it was over before the group was complete"
        case _ if told:
            return f": {flat(named(told[-1].because, context.people))}"
        case Status.TRIGGERED if waits := _waiting(case, context):
            return f": {waits}"
        case Status.ACKNOWLEDGED | Status.SNOOZED:
            return f": {context.name(incident.owner)} had it first"
        case Status.RESOLVED if incident.resolved_by:
            return f": resolved by {context.name(incident.resolved_by)} before that"
    return "" if incident.severity.escalates else f": it is only {incident.severity}"


def _waiting(case: Case, context: Context) -> str:
    """Say which pages are owed and did not go yet."""
    owed = [
        f"{it.channel} to {context.name(it.person)}" + (f" ({short(it.error)})" if it.error else "")
        for it in case.messages
        if it.purpose is Purpose.PAGE and it.status is DeliveryStatus.WAITING
    ]
    return f"{listed(owed[:3])} waits to be sent" if owed else ""


def _gathered(case: Case, context: Context) -> list[Point]:
    """Say which of its messages went together with others'."""
    rows = [it for it in case.record if it.what == "sent" and ", together with " in it.because]
    return [Point(topic="gathered", text=_sentence(it, context), at=it.at) for it in rows[-2:]]


def _flapping(incident: Incident) -> list[Point]:
    """Say that it comes and goes: while it does, that is shown in its message and rings nobody."""
    if incident.flaps.since is None:
        return []
    return [Point(topic="flapping", text=sentence(incident), at=incident.flaps.since)]


def _alerts(count: int) -> str:
    return f"{count} alert" if count == 1 else f"{count} alerts"


def _not_told(case: Case, context: Context) -> list[Point]:
    """Say who might have been told and was not: by the record, and by what was never sent."""
    points = [
        Point(topic="not told", text=_sentence(row, context), at=row.at)
        for row in case.record
        if row.what in UNTOLD
    ][-MOST_LINES:]
    if not _asked(case, context) and (reason := reason_of(case, context).removeprefix(": ")):
        points = [Point(topic="nobody asked", text=reason), *points]
    if left := _steps_left(case, context):
        points.append(Point(topic="not asked", text=left))
    if case.incident.quiet:
        by = context.name(case.incident.resolved_by)
        text = f"resolved by {by} while it fired: it stays quiet until it clears"
        points.append(Point(topic="quiet", text=text))
    return points


def _sentence(row: AuditRow, context: Context) -> str:
    return short(named(row.because, context.people))


def _steps_left(case: Case, context: Context) -> str:
    """Say which later steps were never taken, because somebody answered or it was over."""
    incident = case.incident
    left = len(incident.policy.steps) - 1 - max(incident.step, -1)
    if left <= 0 or not incident.severity.escalates or incident.step < 0:
        return ""
    match incident.status:
        case Status.ACKNOWLEDGED | Status.SNOOZED:
            ended = f"{context.name(incident.owner)} {incident.status} it"
        case Status.RESOLVED if incident.resolved_by:
            ended = f"{context.name(incident.resolved_by)} resolved it"
        case Status.RESOLVED:
            ended = "it was over by itself"
        case _:
            return ""
    return f"{_steps(incident.policy, incident.step)}: {ended} before that"


def _steps(policy: Policy, step: int) -> str:
    first, last = step + 2, len(policy.steps)
    return f"step {first} of {last}" if first == last else f"steps {first} to {last} of {last}"


def short(text: str) -> str:
    """Make foreign text one line of a bearable length."""
    return shortened(flat(text), LONGEST)
