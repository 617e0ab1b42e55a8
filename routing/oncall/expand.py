"""From a step to the people it asks, and by which of their contact points; who is next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from routing.alerts.route import Tree
from routing.incidents.effects import PageStep
from routing.oncall.resolve import on_call
from routing.playbook import CHAT, Playbook
from storage.model.alert import Severity
from storage.model.incident import Incident, IncidentId
from storage.model.person import ContactPoint, Override, Person, PersonId, Turn
from storage.model.policy import Step, Target, TargetKind

AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """One person to be asked by one contact point, for one step of one round.

    nth:   which of the person's contact points on this channel it is, from 1.
    after: so long from now; 0: at once.
    again: how often the same contact point has its turn before this one.
    put_off: it would ring in quiet hours, and waits for their end: this moment, aware UTC.
    """

    round: int
    step: int
    person: PersonId
    contact: ContactPoint
    nth: int = 1
    after: timedelta = AT_ONCE
    again: int = 0
    put_off: datetime | None = None

    def key(self, incident: IncidentId) -> str:
        """Name the page: `incident/42/round/0/step/1/ada/sms`; unique in the outbox."""
        further = f"/{self.nth}" if self.nth > 1 else ""
        further += f"/again/{self.again}" if self.again else ""
        place = f"incident/{incident}/round/{self.round}/step/{self.step}"
        return f"{place}/{self.person}/{self.contact.channel}{further}"


@dataclass(frozen=True, kw_only=True)
class Roster:
    """Who can be asked at `now`: the playbook in force and the overrides that run."""

    playbook: Playbook
    overrides: Sequence[Override]
    now: datetime

    @cached_property
    def tree(self) -> Tree:
        """The playbook's routes, for all that is decided and said by this roster."""
        return Tree(self.playbook)

    def people_of(self, target: Target) -> tuple[PersonId, ...]:
        """Return whom a target means, in the order in which they are asked."""
        if target.kind is TargetKind.ONCALL:
            return on_call(target.name, self.playbook, self.overrides, self.now)
        person = PersonId(target.name)
        return (person,) if person in self.playbook.people else ()


def rings_of(incident: Incident, page: PageStep, roster: Roster) -> tuple[Ring, ...]:
    """Say whom the step asks, and by which ways, now and later: of each target the first it can
    reach.

    Whoever only has quiet hours is asked when they end, and the next on the list now. Empty
    where nobody can be reached at all.
    """
    step = incident.policy.steps[page.step]
    found = asked_by(step, incident.severity, page, roster)
    return tuple(ring for rings in found.values() for ring in rings)


def asked_by(
    step: Step, severity: Severity, page: PageStep, roster: Roster
) -> dict[PersonId, tuple[Ring, ...]]:
    """Return for each person whom a step asks the ways by which it does."""
    found: dict[PersonId, tuple[Ring, ...]] = {}
    for target in step.targets:
        for person in roster.people_of(target):
            known = roster.playbook.people[person]
            rings = ways_to(known, severity, page, roster, by=step.by)
            if rings:
                found[person] = rings
            if are_heard(rings):
                break
    return found


def are_heard(rings: Collection[Ring]) -> bool:
    """Say whether any of these is more than a promise for when quiet hours end."""
    return any(ring.put_off is None for ring in rings)


def rings_instead(
    incident: Incident, page: PageStep, person: PersonId, tried: Collection[str], roster: Roster
) -> tuple[Ring, ...]:
    """Say who is asked instead when `person` could not be reached for this step.

    First the person's next contact point, then the next one on the on-call list that named the
    person. tried: keys of the pages that the step has had so far; nothing is tried twice.
    Empty: nobody is left.
    """
    if person in roster.playbook.people:
        known = roster.playbook.people[person]
        for ring in _all_rings(page, known):
            if ring.key(incident.id) not in tried and _permitted_instead(ring, incident, roster):
                return (ring,)
    for follower in _followers(incident.policy.steps[page.step], person, roster):
        rings = _rings(incident, page, roster, follower)
        if are_heard(rings) and not any(ring.key(incident.id) in tried for ring in rings):
            return rings
    return ()


def _followers(step: Step, person: PersonId, roster: Roster) -> list[PersonId]:
    """Return who comes after `person` on the lists that name them; all, where nobody knows them."""
    lists = [roster.people_of(it) for it in step.targets if it.kind is TargetKind.ONCALL]
    left = person not in roster.playbook.people
    return [
        other for names in lists if left or person in names for other in names if other != person
    ]


def _rings(
    incident: Incident, page: PageStep, roster: Roster, person: PersonId
) -> tuple[Ring, ...]:
    by = incident.policy.steps[page.step].by
    known = roster.playbook.people[person]
    return ways_to(known, incident.severity, page, roster, by=by)


def ways_to(
    person: Person,
    severity: Severity,
    page: PageStep,
    roster: Roster,
    *,
    by: tuple[str, ...] = (),
) -> tuple[Ring, ...]:
    """Return the ways by which a person is asked, in order, each with its turn.

    What the step says (`by`) goes first, then the person's own rule, then the severity. Of each
    channel it is the first contact point. Quiet hours put off whatever would ring.
    """
    rule = person.rule(severity, roster.now)
    usual = (Turn(after=AT_ONCE, by=roster.playbook.by_severity.get(severity, (CHAT,))),)
    firsts = [ring for ring in _all_rings(page, person) if ring.nth == 1]
    firsts = [ring for ring in firsts if is_permitted(ring.contact, severity, roster.playbook)]
    if by:
        chosen = _chosen(firsts, (Turn(after=AT_ONCE, by=by),), roster.playbook)
    else:
        chosen = _chosen(firsts, rule.turns, roster.playbook) if rule else []
        chosen = chosen or _chosen(firsts, usual, roster.playbook)
    if not chosen and severity.escalates:
        chosen = firsts[:1]  # rather by another way than not at all
    return _in_peace(chosen, person, severity, roster)


def _chosen(firsts: Sequence[Ring], turns: Sequence[Turn], playbook: Playbook) -> list[Ring]:
    """Give each contact point that a turn names its moment; who has several is asked again."""
    chosen: list[Ring] = []
    for turn in turns:
        named = {
            ring.contact: ring
            for word in turn.by
            for ring in firsts
            if ring.contact.channel == word or (word == CHAT and _is_chat(ring, playbook))
        }
        for contact, ring in named.items():
            before = sum(it.contact == contact for it in chosen)
            chosen.append(replace(ring, after=turn.after, again=before))
    return chosen


def _in_peace(
    rings: Sequence[Ring], person: Person, severity: Severity, roster: Roster
) -> tuple[Ring, ...]:
    """Put off to the end of quiet hours what would ring in them, of each contact point once."""
    found: list[Ring] = []
    for ring in rings:
        at = roster.now + ring.after
        until = person.quiet_until(severity, at) if _may_ring(ring, roster) else None
        if until is None:
            found.append(ring)
        elif not any(it.put_off and it.contact == ring.contact for it in found):
            found.append(replace(ring, after=until - roster.now, put_off=until))
    return tuple(found)


def _all_rings(page: PageStep, person: Person) -> list[Ring]:
    seen: dict[str, int] = {}
    rings = []
    for contact in person.contacts:
        seen[contact.channel] = nth = seen.get(contact.channel, 0) + 1
        rings.append(
            Ring(round=page.round, step=page.step, person=person.id, contact=contact, nth=nth)
        )
    return rings


def _is_chat(ring: Ring, playbook: Playbook) -> bool:
    return ring.contact.channel in playbook.chat


def _may_ring(ring: Ring, roster: Roster) -> bool:
    return roster.playbook.rings(ring.contact.channel)


def is_permitted(contact: ContactPoint, severity: Severity, playbook: Playbook) -> bool:
    """A forecast never rings a phone, whatever a policy says."""
    return not (severity is Severity.PREDICTIVE and playbook.rings(contact.channel))


def _permitted_instead(ring: Ring, incident: Incident, roster: Roster) -> bool:
    """What need not be answered is not carried out of chat, and quiet hours stay quiet."""
    if ring.contact.channel in roster.playbook.chat:
        return True
    person = roster.playbook.people[ring.person]
    is_quiet = person.quiet_until(incident.severity, roster.now) is not None
    return incident.severity.escalates and not (is_quiet and _may_ring(ring, roster))
