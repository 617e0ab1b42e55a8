"""`next`: what will be sent, to whom and when, as things stand."""

from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import due_lines, standing
from routing.delivery.words import flat
from routing.flow.ahead import ahead_of
from routing.flow.desks import Desks
from routing.incidents.ahead import Due, in_words
from storage.model.incident import Incident, Status
from storage.model.person import Permission
from storage.sql import incidents

MOST_ASKED, MOST_LOOKED_AT, MOST_LINES = 10, 50, 15
OPEN = tuple(status for status in Status if status.is_open)


async def run(ask: Ask, desks: Desks) -> Reply:
    """`next 12`: what will be sent about an incident; `next`: about all that is open."""
    if ask.words:
        return Reply("Which one? Say its number: `next 12`; or `next` alone.", refused=True)
    return await (_some(ask, desks) if ask.incidents else _soonest(desks))


async def _some(ask: Ask, desks: Desks) -> Reply:
    if len(ask.incidents) > MOST_ASKED:
        return Reply(f"{MOST_ASKED} incidents at most at a time.", refused=True)
    now, people, lines = desks.clock.utc_now(), desks.playbook().people, []
    async with desks.database.reading() as tx:
        for number in ask.incidents:
            incident = await incidents.get(tx, number)
            due = await ahead_of(tx, incident, desks.clock, desks.playbook())
            title = f"#{incident.id} {flat(incident.title)}"
            lines.append(f"{title}: {standing(incident, people, now)}")
            lines += due_lines(incident, due, now)
    return Reply("\n".join(lines))


async def _soonest(desks: Desks) -> Reply:
    found: list[tuple[Due, Incident]] = []
    now = desks.clock.utc_now()
    async with desks.database.reading() as tx:
        some = await incidents.search(tx, statuses=OPEN, limit=MOST_LOOKED_AT + 1)
        for incident in some[:MOST_LOOKED_AT]:
            due = await ahead_of(tx, incident, desks.clock, desks.playbook())
            found += [(one, incident) for one in due]
    if not some:
        return Reply("Nothing is open, so nothing will be sent.")
    found.sort(key=lambda pair: pair[0].at)
    lines = [f"#{it.id} {flat(it.title)}: {in_words(due, now)}" for due, it in found[:MOST_LINES]]
    lines = lines or ["Nothing is due, as things stand."]
    if len(found) > MOST_LINES:
        lines.append(f"and {len(found) - MOST_LINES} more, later")
    if len(some) > MOST_LOOKED_AT:
        lines.append(f"Only the newest {MOST_LOOKED_AT} open incidents were looked at.")
    return Reply("\n".join(lines))


VERB = Verb(
    name="next",
    usage="next [incident...]",
    summary="what will be sent, to whom and when",
    needs=Permission.VIEW,
    run=run,
)
