"""`routes`: where an alert with these labels would go now, whom it would page, and why."""

from bot.chat.verb import Ask, Reply, Verb
from bot.whither import read_labels, told
from routing.alerts.intervals import active_at
from routing.flow.desks import Desks
from routing.flow.moment import read_moment
from routing.flow.mutes import read_mutes
from routing.whither import ways_of
from storage.model.person import Permission


async def run(ask: Ask, desks: Desks) -> Reply:
    """`routes severity=critical service=checkout`: the ways of such an alert at this moment."""
    try:
        labels = read_labels(ask.words)
    except ValueError as error:
        return Reply(str(error), refused=True)
    async with desks.database.reading() as tx:
        moment = await read_moment(tx, desks.clock, desks.playbook)
        muting = await read_mutes(tx, moment)
    times = active_at(moment.playbook.intervals, moment.now)
    ways = ways_of(labels, moment.roster, muting.mutes, times)
    return Reply("\n".join(told(labels, ways, moment.playbook)))


VERB = Verb(
    name="routes",
    usage="routes <label>=<value>...",
    summary="where an alert with these labels would go now, and whom it would page",
    needs=Permission.VIEW,
    run=run,
)
