"""`report`: figures about a period, as a short table, a chart and a file."""

from datetime import timedelta

from bot.chat.verb import Ask, Reply, Verb
from routing.flow.desks import Desks
from storage.model.person import Permission

DAY = timedelta(days=1)


async def run(ask: Ask, desks: Desks) -> Reply:
    """`report alerts 7d`: the last week beside the week before; a day unless said.

    Words behind it name what to attach, of `png`, `csv`, `md`, `json`: `report alerts 7d json`.
    """
    from bot.reports.publish import make  # pulls in what draws; only when a report is asked for

    if not ask.words:
        return Reply("Which report? `report alerts`, `report alerts 7d`.", refused=True)
    name, *formats = (word.lower() for word in ask.words)
    if formats:
        return await make(name, ask.hold or DAY, desks, formats=formats)
    return await make(name, ask.hold or DAY, desks)


VERB = Verb(
    name="report",
    usage="report alerts [duration]",
    summary="incidents, answers and noise of a period beside the one before",
    needs=Permission.VIEW,
    run=run,
    slow=True,
)
