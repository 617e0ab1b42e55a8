"""`resolve`: it is over."""

from bot.chat.selection import chosen
from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import answered
from routing.flow.desks import Desks
from routing.incidents.events import Resolve
from storage.model.incident import Incident
from storage.model.person import Permission


async def run(ask: Ask, desks: Desks) -> Reply:
    """`resolve 12 13 rolled back`: close incidents; what still fires stays quiet until it clears.

    `resolve all`, `resolve service=checkout`: many at a time, in one transaction. One refusal does
    not undo the others.
    """
    ask, instead = await chosen(ask, desks)
    if instead:
        return instead
    if not ask.incidents:
        return Reply("Which one is over? Say its number: `resolve 12 rolled back`.", refused=True)
    event = Resolve(by=ask.person.id, note=ask.note)
    answers = await desks.incidents.apply_many(
        ask.incidents, event, actor=ask.person.id, via=ask.via
    )
    return answered(answers, desks.playbook().people, _closed)


def _closed(incident: Incident) -> str:
    if not incident.quiet:
        return "resolved"
    return "resolved; it still fires, and stays quiet (`escalate` lets it ring again)"


VERB = Verb(
    name="resolve",
    usage="resolve <incident>... [note] | resolve mine|all|<label>=<value>... [note]",
    summary="close incidents; what still fires stays quiet until it clears",
    needs=Permission.RESPOND,
    run=run,
)
