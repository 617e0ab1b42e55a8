"""`doctor`: what is broken, or will be, before the night finds out."""

from bot.chat.verb import Ask, Reply, Verb
from bot.doctor.show import troubles
from routing.finding import counted
from routing.flow.desks import Desks
from storage.model.person import Permission


async def run(ask: Ask, desks: Desks) -> Reply:
    """`doctor`: ask every channel, the database and the rota for proof; shows what is amiss.

    `tocsin doctor` on the server's machine shows all of it.
    """
    del ask
    if desks.examine is None:
        return Reply("Nothing can be examined here; `tocsin doctor` can.", refused=True)
    found = await desks.examine()
    rows = [(str(it.verdict), it.group, f"{it.text} -> {it.advice}") for it in troubles(found)]
    head = ("verdict", "where", "what, and what to do")
    return Reply(f"{counted(found)}.", table=(head, *rows) if rows else ())


VERB = Verb(
    name="doctor",
    usage="doctor",
    summary="ask channels, database, clock and rota for proof; shows what is amiss",
    needs=Permission.ADMIN,
    run=run,
    slow=True,
)
