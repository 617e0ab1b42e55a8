"""`report`: figures about a period, as a short table, charts and a file."""

from datetime import timedelta

from bot.chat.holds import read_hold
from bot.chat.verb import Ask, Reply, Verb
from routing.flow.desks import Desks
from storage.model.person import Permission


async def run(ask: Ask, desks: Desks) -> Reply:
    """`report alerts 7d`: the last week beside the week before; a day unless said.

    `report performance checkout 24h`: of one service. Words behind it name what to attach, of
    `png`, `csv`, `md`, `json`: `report alerts 7d json`.
    """
    from bot.reports.publish import make, read_order  # what draws, only when it is asked for

    hold, words = _period(ask)
    order, formats = read_order(words, hold)
    return await make(order, desks, formats=formats or ("png", "csv"))


def _period(ask: Ask) -> tuple[timedelta | None, list[str]]:
    """Take the first duration out of the words, wherever it stands."""
    words = list(ask.words)
    for place in range(len(words)):
        hold, rest = read_hold(words[place:])
        if hold is not None and ask.hold is None:
            return hold, [*words[:place], *rest]
    return ask.hold, words


VERB = Verb(
    name="report",
    usage="report alerts [duration] | report performance [service] [duration]",
    summary="incidents and answers, or traffic, errors and latency, beside earlier periods",
    needs=Permission.VIEW,
    run=run,
    slow=True,
)
