"""`backtest`: how often a rule would have fired, and whom it would have paged."""

from bot.backtested import MONTH, backtest, table, told
from bot.chat.verb import Ask, Reply, Verb
from routing.flow.desks import Desks
from storage.model.person import Permission


async def run(ask: Ask, desks: Desks) -> Reply:
    """`backtest CheckoutSlow 30d`: the rule in force on the last 30 days of stored history.

    `tocsin backtest FILE` tries rules that are not in force yet.
    """
    if len(ask.words) != 1:
        return Reply("Which rule? Say its name: `backtest CheckoutSlow 30d`.", refused=True)
    since = ask.hold or MONTH
    found = await backtest(desks, desks.rules(), since, ask.words[0])
    return Reply(told(found, since), table=table(found))


VERB = Verb(
    name="backtest",
    usage="backtest <rule> [duration]",
    summary="how often a rule would have fired, for how long, and whom it would have paged",
    needs=Permission.VIEW,
    run=run,
    slow=True,
)
