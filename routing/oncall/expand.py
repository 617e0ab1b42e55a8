"""From a step to the people it asks, and by which of their contact points; who is next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from routing.incidents.effects import PageStep
from routing.oncall.resolve import on_call
from routing.playbook import CHAT, Playbook
from storage.model.alert import Severity
from storage.model.incident import Incident, IncidentId
from storage.model.person import ContactPoint, Override, Person, PersonId
from storage.model.policy import Step, Target, TargetKind

SMS = "sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """One person to be asked by one contact point, for one step of one round.

    nth: which of the person's contact points on this channel it is, from 1.
    """

    round: int
    step: int
    person: PersonId
    contact: ContactPoint
    nth: int = 1

    def key(self, incident: IncidentId) -> str:
        """Name the page: `incident/42/round/0/step/1/ada/sms`; unique in the outbox."""
        further = f"/{self.nth}" if self.nth > 1 else ""
        place = f"incident/{incident}/round/{self.round}/step/{self.step}"
        return f"{place}/{self.person}/{self.contact.channel}{further}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Who can be asked at `now`: the playbook in force and the overrides that run."""

    playbook: Playbook
    overrides: Sequence[Override]
    now: datetime

    def people_of(self, target: Target) -> tuple[PersonId, ...]:
        """Return whom a target means, in the order in which they are asked."""
        if target.kind is TargetKind.ONCALL:
            return on_call(target.name, self.playbook, self.overrides, self.now)
        person = PersonId(target.name)
        return (person,) if person in self.playbook.people else ()


def rings_of(incident: Incident, page: PageStep, roster: Roster) -> tuple[Ring, ...]:
    """Say whom the step asks at once, and by which ways: of each target the first it can reach.

    Empty where nobody can be reached at all.
    """
    step = incident.policy.steps[page.step]
    found: dict[PersonId, tuple[Ring, ...]] = {}
    for target in step.targets:
        for person in roster.people_of(target):
            rings = _rings(incident, page, roster, person)
            if rings:
                found[person] = rings
                break
    return tuple(ring for rings in found.values() for ring in rings)


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
            permitted = _permitted_instead(ring.contact, incident.severity, roster.playbook)
            if permitted and ring.key(incident.id) not in tried:
                return (ring,)
    for follower in _followers(incident.policy.steps[page.step], person, roster):
        rings = _rings(incident, page, roster, follower)
        if rings and not any(ring.key(incident.id) in tried for ring in rings):
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
    """Return the ways a person is asked by at once: the first contact point of each channel."""
    words = incident.policy.steps[page.step].by or roster.playbook.by_severity.get(
        incident.severity, (CHAT,)
    )
    known = roster.playbook.people[person]
    firsts = [ring for ring in _all_rings(page, known) if ring.nth == 1]
    firsts = [ring for ring in firsts if is_permitted(ring.contact, incident.severity)]
    chosen = {
        ring.contact: ring
        for word in words
        for ring in firsts
        if ring.contact.channel == word or (word == CHAT and _is_chat(ring, roster.playbook))
    }
    if not chosen and incident.severity.escalates:
        return tuple(firsts[:1])  # rather by another way than not at all
    return tuple(chosen.values())


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


def is_permitted(contact: ContactPoint, severity: Severity) -> bool:
    """A forecast never rings a phone, whatever a policy says."""
    return not (severity is Severity.PREDICTIVE and contact.channel == SMS)


def _permitted_instead(contact: ContactPoint, severity: Severity, playbook: Playbook) -> bool:
    """What need not be answered is not carried out of chat."""
    return severity.escalates or contact.channel in playbook.chat
