"""`help`: what can be said."""

from bot.chat.parse import unknown_verb
from bot.chat.verb import Ask, Reply, Verb
from routing.flow.desks import Desks
from storage.model.person import Permission

EXAMPLES = "Durations: 30m, 2h, 1h30m, 7d. Incidents by number: 12 or #12."


async def run(ask: Ask, desks: Desks) -> Reply:
    """`help`: every verb, one line each; `help ack`: one of them."""
    from bot.chat.speak import verbs  # it gathers this file too

    del desks
    known = verbs()
    if not ask.words:
        rows = [(verb.usage, verb.summary) for verb in known.values()]
        return Reply(EXAMPLES, table=(("say", "to"), *rows))
    name = ask.words[0].lower().lstrip("/")
    verb = known.get(name)
    if verb is None:
        return Reply(unknown_verb(name, known), refused=True)
    rights = f"Needs the permission `{verb.needs}`; you have `{ask.person.permission}`."
    return Reply(f"{verb.usage}\n{verb.summary[:1].upper()}{verb.summary[1:]}.\n{rights}")


VERB = Verb(
    name="help",
    usage="help [verb]",
    summary="this list, or one verb",
    needs=Permission.VIEW,
    run=run,
)
