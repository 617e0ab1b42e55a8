"""`escalate`: ask the next people now, instead of waiting until nobody has answered."""

from bot.chat.selection import chosen
from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import answered
from routing.flow.desks import Desks
from routing.incidents.events import Escalate
from storage.model.incident import Incident
from storage.model.person import Permission


async def run(ask: Ask, desks: Desks) -> Reply:
    """`escalate 12 need a hand`: the next step rings at once; after the last, the first again.

    Whoever held the incident lets go of it and hears so. One refusal does not undo the others.
    """
    ask, instead = await chosen(ask, desks)
    if instead:
        return instead
    if not ask.incidents:
        return Reply("Which one? Say its number: `escalate 12`.", refused=True)
    event = Escalate(by=ask.person.id, note=ask.note)
    answers = await desks.incidents.apply_many(
        ask.incidents, event, actor=ask.person.id, via=ask.via
    )
    return answered(answers, desks.playbook().people, _step)


def _step(incident: Incident) -> str:
    return f"escalated, step {incident.step + 1} of {len(incident.policy.steps)} is asked now"


VERB = Verb(
    name="escalate",
    usage="escalate <incident>... [note] | escalate mine|all|<label>=<value>... [note]",
    summary="ask the next people at once; who held it, or called it over too early, lets go of it",
    needs=Permission.RESPOND,
    run=run,
)
