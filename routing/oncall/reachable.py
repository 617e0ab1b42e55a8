"""Would people be reached? Every step of every policy is taken on paper, as it would be now."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from routing.finding import Finding, Group
from routing.incidents.effects import PageStep
from routing.oncall.expand import Ring, Roster, rings_of
from routing.playbook import CHAT, Playbook
from storage.model.alert import Severity
from storage.model.incident import Incident, IncidentId
from storage.model.person import Override, Person, PersonId
from storage.model.policy import Policy, Step, Target, TargetKind

GROUP = Group("oncall")
TRIED = (Severity.CRITICAL, Severity.WARNING)
"""The severities that ask people to answer."""


def unreached(
    playbook: Playbook, overrides: Sequence[Override], now: datetime
) -> tuple[Finding, ...]:
    """Say who and which step cannot be reached at `now` (aware UTC).

    Policies that no alert can come to are passed over; names are those of the configuration.
    """
    roster = Roster(playbook=playbook, overrides=overrides, now=now)
    used = dict.fromkeys([*(way.policy for way in playbook.ways() if way.policy), playbook.default])
    policies = [playbook.policies[name] for name in used if name in playbook.policies]
    found = list(_people(playbook, policies, roster))
    for policy in policies:
        faults = [*_steps(policy, roster), *_alone(policy, roster)]
        ways = f"{len(policy.steps)} step{'s' * (len(policy.steps) != 1)}"
        found += faults or [GROUP.ok(f"policy {policy.name}: each of {ways} reaches somebody")]
    return tuple(found)


def _people(playbook: Playbook, policies: Iterable[Policy], roster: Roster) -> Iterator[Finding]:
    """Say who is named and has no address at all; and whether administrators can be told."""
    named = {
        person
        for policy in policies
        for step in policy.steps
        for target in step.targets
        for person in roster.people_of(target)
    }
    for id in sorted(named):
        if not playbook.people[id].contacts:
            yield GROUP.fault(
                f"{id} has no address on any channel",
                f"give people.{id} an address, such as `phone`, or take {id} off the lists",
            )
    admins = playbook.admins()
    if admins and not any(admin.contacts for admin in admins):
        yield GROUP.fault(
            "no administrator has an address: nobody hears when Tocsin itself is in trouble",
            "give one with `permission: admin` an address, such as `phone`",
        )


def _steps(policy: Policy, roster: Roster) -> Iterator[Finding]:
    seen: set[tuple[Target, ...]] = set()
    for number, step in enumerate(policy.steps):
        if step.targets in seen and not step.by:
            continue  # a repetition: it was looked at
        seen.add(step.targets)
        where = f"policy {policy.name}, step {number + 1}"
        yield from _empty_lists(where, step, roster)
        rings = {severity: _rings(policy, number, severity, roster) for severity in TRIED}
        if not any(rings.values()):
            yield GROUP.fault(
                f"{where} reaches nobody",
                "name somebody with an address; until then it passes unheard to the next step",
            )
            continue
        told: set[PersonId] = set()
        for severity, found in rings.items():
            usual = [ring for ring in found if step.by or not _has_rule(ring, severity, roster)]
            yield from _elsewhere(where, step, severity, usual, roster.playbook, told)


def _has_rule(ring: Ring, severity: Severity, roster: Roster) -> bool:
    """Say whether the person's own rule, and not the severity, says how they are asked."""
    return roster.playbook.people[ring.person].rule(severity, roster.now) is not None


def _empty_lists(where: str, step: Step, roster: Roster) -> Iterator[Finding]:
    for target in step.targets:
        if target.kind is TargetKind.ONCALL and not roster.people_of(target):
            yield GROUP.fault(
                f"{where}: nobody is on call on the list {target.name}",
                f"put somebody on oncall.{target.name}, or `oncall take 8h {target.name}`",
            )


def _elsewhere(
    where: str,
    step: Step,
    severity: Severity,
    rings: Iterable[Ring],
    playbook: Playbook,
    told: set[PersonId],
) -> Iterator[Finding]:
    """Say who is asked by another way than the step wants, having no address there."""
    words = step.by or playbook.by_severity.get(severity, (CHAT,))
    wanted = {w for w in words if w != CHAT} | (playbook.chat if CHAT in words else frozenset())
    for ring in rings:
        if ring.contact.channel in wanted or ring.person in told:
            continue
        told.add(ring.person)
        yield GROUP.warning(
            f"{where}: {ring.person} has no address on {' or '.join(words)}, and would be asked "
            f"by {ring.contact.channel} ({severity})",
            f"give people.{ring.person} an address on {' or '.join(words)}",
        )


def _alone(policy: Policy, roster: Roster) -> Iterator[Finding]:
    """Say where all depends on one person, or on one channel."""
    people = {
        person
        for step in policy.steps
        for target in step.targets
        for person in roster.people_of(target)
        if roster.playbook.people[person].contacts
    }
    if len(people) == 1:
        (person,) = people
        yield GROUP.warning(
            f"policy {policy.name} asks {person} alone: nobody follows when {person} sleeps on",
            "name a second person in a later step, or on the on-call list",
        )
    for person in sorted(people):
        if len(_ways(roster.playbook.people[person])) == 1:
            (way,) = _ways(roster.playbook.people[person])
            yield GROUP.warning(
                f"{person} has one way only, {way}: when it fails, {person} is not reached",
                f"give people.{person} an address on a second channel",
            )


def _ways(person: Person) -> set[str]:
    return {contact.channel for contact in person.contacts}


def _rings(policy: Policy, step: int, severity: Severity, roster: Roster) -> tuple[Ring, ...]:
    """Take the step as it would be taken for an incident of this severity."""
    incident = Incident(
        id=IncidentId(0),
        group="",
        title="",
        severity=severity,
        policy=policy,
        opened_at=roster.now,
    )
    return rings_of(incident, PageStep(0, step), roster)
