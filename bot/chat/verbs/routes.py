"""`routes`: where an alert with these labels would go now, whom it would page, and why."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import People, name_of, standing
from bot.whither import read_labels, told
from routing.flow.desks import Desks
from routing.flow.moment import Moment, read_moment
from routing.flow.mutes import read_mutes, with_mutes
from routing.incidents.machine import belongs
from routing.whither import Way, ways_of
from storage.model.alert import Alert, Severity
from storage.model.incident import Incident, Status
from storage.model.labels import Labels
from storage.model.person import Permission
from storage.model.standing import Standing
from storage.sql import incidents


async def run(ask: Ask, desks: Desks) -> Reply:
    """`routes severity=critical service=checkout`: the ways of such an alert at this moment.

    `routes test ...`, as on the command line, says the same.
    """
    words = ask.words[1:] if ask.words[:1] == ("test",) else ask.words
    try:
        labels = read_labels(words)
    except ValueError as error:
        return Reply(str(error), refused=True)
    async with desks.database.reading() as tx:
        moment = await read_moment(tx, desks.clock, desks.playbook)
        muting = await read_mutes(tx, moment)
        alert = Alert(labels=labels, starts_at=moment.now)
        such = Standing(alert=alert, updated_at=moment.now)
        (here,) = await with_mutes(tx, [such], muting, moment)
        ways = ways_of(labels, moment.roster, here.mutes, muting.times)
        homes = await _homes(tx, labels, ways, moment)
    return Reply("\n".join(told(labels, ways, moment.playbook, homes)))


async def _homes(
    tx: AsyncConnection, labels: Labels, ways: Sequence[Way], moment: Moment
) -> dict[str, str]:
    """Say for each group that is heard which incident such an alert would come to."""
    groups = [way.branch.group for way in ways if not way.quiet]
    latest = await incidents.latest_of_groups(tx, groups)
    worse = Severity.read(labels.get("severity"))
    people = moment.playbook.people
    return {
        group: _home(it, it.severity.rank > worse.rank, people, moment)
        for group, it in latest.items()
        if belongs(it, moment.now)
    }


def _home(incident: Incident, worse: bool, people: People, moment: Moment) -> str:
    if not incident.status.is_open:
        return f"opens #{incident.id} again"
    joins = f"joins #{incident.id}, {standing(incident, people, moment.now)}"
    owner = name_of(incident.owner, people)
    match incident.status:
        case Status.ACKNOWLEDGED if worse:
            return f"{joins}: {owner} hears that it is worse, nobody is asked anew"
        case Status.ACKNOWLEDGED | Status.SNOOZED if not worse:
            return f"{joins}: nobody is asked anew while {owner} has it"
        case Status.TRIGGERED if not worse:
            return f"{joins}: its steps go on, nobody is asked anew"
    return joins


VERB = Verb(
    name="routes",
    usage="routes <label>=<value>...",
    summary="where an alert with these labels would go now, and whom it would page",
    needs=Permission.VIEW,
    run=run,
)
