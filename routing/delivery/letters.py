"""From a decision to the messages that are owed for it: pages, notices, rooms. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from routing.delivery import body
from routing.delivery.bundle import bundle
from routing.delivery.channel import Message
from routing.delivery.compose import (
    Scene,
    notice_message,
    page_message,
    room_message,
    trouble_message,
)
from routing.delivery.surroundings import QUIET_AROUND, Around
from routing.incidents.decide import Decision
from routing.incidents.effects import Announce, Refresh, Tell, TellAdmins
from routing.incidents.timeline import named, story
from routing.oncall.expand import Ring, Roster, is_permitted
from routing.playbook import Playbook
from storage.clock import Steady
from storage.model.alert import Alert, Severity
from storage.model.audit import AuditRow
from storage.model.change import Change
from storage.model.delivery import DeliveryStatus, OutboxId, OutboxMessage, Purpose
from storage.model.incident import Incident, Status
from storage.model.person import ContactPoint, Person, PersonId
from storage.model.tally import Tally

UNHURRIED = timedelta(hours=1)
"""The last moment for a page that is not critical; what is older is not worth a ring."""
HEAD_START = timedelta(seconds=10)
"""So long before `failover_after` the next channel gets its turn, to have arrived by then; also
where a hundred are late at once."""

TOOK_IT = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.UNPROVEN)
"""What a channel took: the person counts as rung."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the messages about one decision are made from.

    incident: as saved.   record: all of the incident's, oldest first.
    alerts:   the incident's most urgent; where that is not all, `tally` sums all of them up.
    owed:     every message owed for the incident before this decision.
    until:    when the acknowledgement or the snooze ends.
    changes:  what was changed about the incident's services, the newest first.
    around:   what else is wrong near it.
    """

    decision: Decision
    incident: Incident
    roster: Roster
    steady: Steady
    alerts: Sequence[Alert] = ()
    record: Sequence[AuditRow] = ()
    owed: Sequence[OutboxMessage] = ()
    until: datetime | None = None
    changes: Sequence[Change] = ()
    around: Around = QUIET_AROUND
    tally: Tally = ()


def letters_of(material: Material) -> tuple[OutboxMessage, ...]:
    """Return the pages and notices that the decision owes, addressed and ready for the outbox."""
    scene = _scene(material)
    letters = [_page(material, scene, ring) for ring in material.decision.rings]
    for effect in material.decision.effects:
        match effect:
            case Tell(people, what, text):
                for person in people:
                    letters += _notices(material, scene, person, what, text)
            case TellAdmins(what, text):
                letters += _to_admins(material, what, text)
    return tuple(letters)


def _scene(material: Material) -> Scene:
    incident, playbook = material.incident, material.roster.playbook
    here = (incident.round, incident.step)
    pages = [it for it in _pages(material) if (it.round, it.step) == here]
    before = [it.person for it in pages if it.is_due(material.steady)]
    rings = [ring for ring in material.decision.rings if (ring.round, ring.step) == here]
    now = [ring.person for ring in rings if ring.put_off is None]
    return Scene(
        incident=incident,
        alerts=material.alerts,
        playbook=playbook,
        now=material.roster.now,
        lines=story(material.record, playbook.people),
        asked=tuple(dict.fromkeys(person for person in (*before, *now) if person)),
        until=material.until,
        changes=material.changes,
        around=material.around,
        tally=material.tally,
        tree=material.roster.tree,
    )


def _pages(material: Material) -> Iterator[OutboxMessage]:
    return (it for it in material.owed if it.purpose is Purpose.PAGE)


def _owed(
    material: Material, key: str, to: ContactPoint, message: Message, person: PersonId | None
) -> OutboxMessage:
    return OutboxMessage(
        id=OutboxId(0),
        key=key,
        purpose=message.purpose,
        severity=message.severity,
        incident=material.incident.id,
        person=person,
        round=material.incident.round,
        step=max(material.incident.step, 0),
        channel=to.channel,
        address=to.address,
        body=body.write(message),
        not_before=material.steady,
        created_at=material.roster.now,
    )


def _page(material: Material, scene: Scene, ring: Ring) -> OutboxMessage:
    message = page_message(scene, ring.contact.address)
    key = ring.key(material.incident.id)
    page = _owed(material, key, ring.contact, message, ring.person)
    due = at_turn(page, Steady(material.steady + ring.after.total_seconds()), material.roster)
    return replace(due, round=ring.round, step=ring.step)


def page_again(material: Material, page: OutboxMessage) -> Message:
    """Write a page that waited as the incident stands now."""
    return page_message(_scene(material), page.address)


def at_turn(page: OutboxMessage, at: Steady, roster: Roster) -> OutboxMessage:
    """Give a page its turn at `at`, and with it its deadline."""
    patience = _patience(page.severity, roster.playbook)
    return replace(page, not_before=at, deadline=Steady(at + patience.total_seconds()))


def _patience(severity: Severity, playbook: Playbook) -> timedelta:
    if severity is not Severity.CRITICAL:
        return UNHURRIED
    return playbook.failover_after - min(HEAD_START, playbook.failover_after / 4)


def _notices(
    material: Material, scene: Scene, person: PersonId, what: str, text: str
) -> Iterator[OutboxMessage]:
    """Tell a person over the channels by which they were rung, else over their first way."""
    known = material.roster.playbook.people.get(person)
    if known is None:
        return
    place = f"incident/{material.incident.id}/round/{material.incident.round}"
    message = notice_message(scene, text)
    for to in _ways_of_news(material, known):
        owed = _owed(material, f"{place}/{what}/{person}/{to.channel}", to, message, person)
        yield in_peace(owed, known, material.roster)


def in_peace(notice: OutboxMessage, person: Person, roster: Roster) -> OutboxMessage:
    """Put a notice off that would ring in quiet hours."""
    until = person.quiet_until(notice.severity, roster.now)
    if until is None or not roster.playbook.rings(notice.channel):
        return notice
    wait = (until - roster.now).total_seconds()
    return replace(notice, not_before=Steady(notice.not_before + wait))


def _ways_of_news(material: Material, person: Person) -> list[ContactPoint]:
    """Return where it rang; whom no page reached has nothing to hear, unless it is theirs now."""
    asked = [it for it in _pages(material) if it.person == person.id]
    rang = {
        it.channel: ContactPoint(channel=it.channel, address=it.address)
        for it in asked
        if it.status in TOOK_IT or _is_on_its_way(it)
    }
    told = [to for to in rang.values() if to.channel not in material.roster.playbook.pages_only]
    if told or (asked and not rang and person.id != material.incident.owner):
        return told
    return _chat_first(material, person)[:1]


def _is_on_its_way(page: OutboxMessage) -> bool:
    """A first try that has not been heard of: it may ring any moment."""
    return page.attempts > 0 and not page.error


def _told_by(person: Person, playbook: Playbook) -> list[ContactPoint]:
    """Return the contact points that news may go to: what only rings for pages is not one."""
    return [it for it in person.contacts if it.channel not in playbook.pages_only]


def _chat_first(material: Material, person: Person) -> list[ContactPoint]:
    playbook, severity = material.roster.playbook, material.incident.severity
    allowed = [it for it in _told_by(person, playbook) if is_permitted(it, severity, playbook)]
    return sorted(allowed, key=lambda it: it.channel not in playbook.chat)


def _to_admins(material: Material, what: str, text: str) -> Iterator[OutboxMessage]:
    """Tell every administrator; of a critical incident also outside chat, which may be down."""
    playbook, number = material.roster.playbook, material.incident.id
    title = f"#{number} {material.incident.title}"
    message = replace(
        trouble_message(title, named(text, playbook.people), playbook),
        incident=number,
        severity=material.incident.severity,
    )
    for admin in playbook.admins():
        ways = _chat_first(material, admin)
        outside = [it for it in ways if it.channel not in playbook.chat]
        both = outside[:1] if material.incident.severity is Severity.CRITICAL else []
        for to in dict.fromkeys([*ways[:1], *both]):
            key = f"incident/{number}/{what}/{admin.id}/{to.channel}"
            yield in_peace(_owed(material, key, to, message, admin.id), admin, material.roster)


def rooms_of(
    decision: Decision, incident: Incident, roster: Roster, steady: Steady
) -> Iterator[OutboxMessage]:
    """Owe every room the incident as it is when the room's turn comes: nothing is written yet.

    In a storm an incident changes many times before that. What is only a refresh goes where a
    message is edited, and not where each state is one of its own.
    """
    kinds = {type(effect) for effect in decision.effects}
    if not kinds & {Announce, Refresh}:
        return
    for room in incident.policy.rooms:
        if Announce not in kinds and room.channel in roster.playbook.wants_alerts:
            continue
        to = ContactPoint(channel=room.channel, address=room.address)
        yield OutboxMessage(
            id=OutboxId(0),
            key=room_key(incident, to),
            purpose=Purpose.ROOM,
            severity=incident.severity,
            incident=incident.id,
            person=None,
            round=incident.round,
            step=max(incident.step, 0),
            channel=to.channel,
            address=to.address,
            body="",
            not_before=steady,
            created_at=roster.now,
        )


def shown(material: Material, channel: str) -> Message:
    """Write what a room of this channel shows; a first post carries the pages that wait for it."""
    scene, triggered = _scene(material), material.incident.status is Status.TRIGGERED
    carried = [
        it
        for it in _pages(material)
        if it.status is DeliveryStatus.WAITING
        and it.is_due(material.steady)
        and it.channel == channel
        and triggered
    ]
    message = room_message(
        scene,
        asked=tuple(dict.fromkeys(it.address for it in carried)),
        asked_keys=tuple(dict.fromkeys(it.key for it in carried)),
    )
    if channel in scene.playbook.wants_alerts:
        message = replace(message, bundle=bundle(scene))
    return message


def room_key(incident: Incident, room: ContactPoint) -> str:
    """Name an incident's one message in a room: `incident/42/room/slack/C123`."""
    return f"incident/{incident.id}/room/{room.channel}/{room.address}"


def trouble_letters(
    fact: str, message: Message, playbook: Playbook, *, avoid: str, now: datetime, steady: Steady
) -> list[OutboxMessage]:
    """Owe every administrator a word about trouble of Tocsin's own, once a day for each `fact`.

    avoid: the channel that is in trouble; used only by those who have no other.
    """
    day = f"{fact}/{now:%Y-%m-%d}"
    return admin_letters(day, message, playbook, avoid=avoid, now=now, steady=steady)


def admin_letters(
    fact: str, message: Message, playbook: Playbook, *, avoid: str, now: datetime, steady: Steady
) -> list[OutboxMessage]:
    """Owe every administrator a message, once for each `fact`.

    avoid: the channel that is in trouble; used only by those who have no other.
    """
    letters = []
    for admin in playbook.admins():
        ways = sorted(
            _told_by(admin, playbook),
            key=lambda it: (it.channel == avoid, it.channel not in playbook.chat),
        )
        for to in ways[:1]:
            place = (to.channel, to.address)
            letters.append(_notice(f"{fact}/{admin.id}", message, place, admin.id, now, steady))
    return letters


def room_letters(
    fact: str, message: Message, to: Iterable[tuple[str, str]], *, now: datetime, steady: Steady
) -> list[OutboxMessage]:
    """Owe rooms a message, once for each `fact`. to: (channel, address)."""
    return [_notice(f"{fact}/{'/'.join(it)}", message, it, None, now, steady) for it in to]


def _notice(
    key: str,
    message: Message,
    place: tuple[str, str],
    person: PersonId | None,
    now: datetime,
    steady: Steady,
) -> OutboxMessage:
    channel, address = place
    return OutboxMessage(
        id=OutboxId(0),
        key=key,
        purpose=Purpose.NOTICE,
        severity=message.severity,
        incident=None,
        person=person,
        round=0,
        step=0,
        channel=channel,
        address=address,
        body=body.write(message),
        not_before=steady,
        created_at=now,
    )
