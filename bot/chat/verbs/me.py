"""`me`: what happens when I am paged now."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import listed
from routing.flow.desks import Desks
from routing.flow.phones import PhoneBook
from routing.incidents.effects import PageStep
from routing.oncall.expand import Ring, Roster, ways_to
from routing.oncall.resolve import on_call
from storage.model.alert import Severity
from storage.model.person import Permission, Person
from storage.sql import overrides
from storage.units import human_duration

HEAD = ("severity", "at once", "then")


async def run(ask: Ask, desks: Desks) -> Reply:
    """`me`: by which channels I would be asked if an incident came now, severity by severity."""
    now = desks.clock.utc_now()
    async with desks.database.reading() as tx:
        running = await overrides.active(tx, now)
    person = desks.playbook().people.get(ask.person.id, ask.person)
    roster = Roster(playbook=desks.playbook(), overrides=running, now=now)
    rows = [_row(person, severity, roster) for severity in Severity]
    here = now.astimezone(ZoneInfo(person.zone))
    lines = [
        f"{person.name}, if an incident asks you now ({here:%H:%M %Z}):",
        *_quiet(person),
        *_lists(person, roster),
        *await _phone(person, desks),
        "A step of a policy that names channels (`by`) goes before.",
    ]
    return Reply("\n".join(lines), table=(HEAD, *rows))


def _row(person: Person, severity: Severity, roster: Roster) -> tuple[str, str, str]:
    rings = ways_to(person, severity, PageStep(0, 0), roster)
    first = [ring.contact.channel for ring in rings if not ring.after]
    later = [_turn(ring, person) for ring in rings if ring.after]
    nobody = "" if rings else "nothing"
    return severity.value, listed(first) or nobody or "nothing yet", ", ".join(later)


def _turn(ring: Ring, person: Person) -> str:
    if ring.put_off is None:
        return f"{ring.contact.channel} after {human_duration(ring.after)}"
    end = ring.put_off.astimezone(ZoneInfo(person.zone))
    return f"{ring.contact.channel} at {end:%H:%M %Z}, after quiet hours"


def _quiet(person: Person) -> Sequence[str]:
    if person.quiet is None:
        return ()
    through = listed(person.quiet.exempt)
    broken = f"only {through} rings then" if through else "nothing rings then"
    return (f"Quiet hours {person.quiet.hours}: {broken}.",)


def _lists(person: Person, roster: Roster) -> list[str]:
    """Say on which lists somebody stands, and who comes before."""
    lines = []
    for name in roster.playbook.oncall:
        people = on_call(name, roster.playbook, roster.overrides, roster.now)
        if person.id in people:
            place = people.index(person.id)
            lines.append(f"On {name}: " + (f"number {place + 1}" if place else "on call now") + ".")
    return lines


async def _phone(person: Person, desks: Desks) -> Sequence[str]:
    """Say what keeps SMS from coming, if anything does."""
    number = next((it.address for it in person.contacts if it.channel == "sms"), "")
    if not number:
        return ()
    phone = await PhoneBook(desks.database, desks.clock).get(number)
    if phone.stopped_at is not None:
        return ("You texted STOP: no SMS reaches you until you text START.",)
    if phone.invited_at is not None and phone.verified_at is None:
        return ("Your number is not confirmed: only critical pages go there. Say `verify`.",)
    return ()


VERB = Verb(
    name="me",
    usage="me",
    summary="how you would be asked if an incident came now: your rules, quiet hours, lists",
    needs=Permission.VIEW,
    run=run,
)
