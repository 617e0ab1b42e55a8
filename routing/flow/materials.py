"""What messages about incidents are made from, read for all of them together."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.bundle import MOST_ALERTS
from routing.delivery.letters import Material
from routing.delivery.surroundings import NEAR, QUIET_AROUND, services_of
from routing.flow.dependents import around
from routing.flow.moment import Moment
from routing.incidents.decide import Decision
from storage.model.alert import Alert
from storage.model.change import Change
from storage.model.incident import Incident, IncidentId, Status
from storage.model.timer import TimerKind
from storage.sql import alerts, audit, changes, timers
from storage.sql import owed as owed_rows

AT_ONCE = 200
"""Alerts that are read in one go: the event loop waits for that."""
ENDS = {Status.ACKNOWLEDGED: TimerKind.ACK_EXPIRES, Status.SNOOZED: TimerKind.SNOOZE_ENDS}


async def materials(
    tx: AsyncConnection, work: Sequence[tuple[Decision, Incident]], moment: Moment
) -> list[Material]:
    """Return what the messages about each decision, and the incident as saved, are made from.

    Of an incident with very many alerts only the most urgent are read, and all of them counted.
    """
    totals = {incident.id: incident.total for _, incident in work}
    every = await alerts.most_urgent(tx, totals, MOST_ALERTS)
    large = [id for id, total in totals.items() if total > MOST_ALERTS]
    tallies = await alerts.tallies(tx, large)
    records = await audit.of_incidents(tx, totals)
    known = [incident.id for decision, incident in work if decision.before is not None]
    near = await around(tx, every, moment)
    owed = await owed_rows.of_incidents(tx, known)
    changed = await _changes(tx, every, [incident for _, incident in work], moment)
    ends = await _ends(tx, [incident for _, incident in work], moment)
    return [
        Material(
            decision=decision,
            incident=incident,
            roster=moment.roster,
            steady=moment.steady,
            alerts=every[incident.id],
            record=records[incident.id],
            owed=owed.get(incident.id, ()),
            until=ends.get(incident.id),
            changes=changed.get(incident.id, ()),
            around=near.get(incident.id, QUIET_AROUND),
            tally=tallies.get(incident.id, ()),
        )
        for decision, incident in work
    ]


def weight_of(incident: Incident) -> int:
    """Return how many alerts are read for an incident's messages."""
    return min(incident.total, MOST_ALERTS)


async def standing_of(
    tx: AsyncConnection, found: Sequence[Incident], moment: Moment
) -> dict[IncidentId, Material]:
    """Return what messages about incidents as they stand are made from."""
    work = [(Decision(before=incident, after=incident), incident) for incident in found]
    return {it.incident.id: it for it in await materials(tx, work, moment)}


async def _changes(
    tx: AsyncConnection,
    every: Mapping[IncidentId, Sequence[Alert]],
    work: Sequence[Incident],
    moment: Moment,
) -> dict[IncidentId, list[Change]]:
    """Return what was changed about the services of each incident, the newest first."""
    catalogue = moment.playbook.catalogue
    named = {id: services_of(alerts, catalogue) for id, alerts in every.items()}
    wanted = {name for names in named.values() for name in names}
    if not wanted:
        return {}
    since = min(incident.opened_at for incident in work) - 2 * NEAR
    found = await changes.of_services(tx, wanted, since)
    return {
        id: sorted(
            (change for name in names for change in found.get(name, ())),
            key=lambda change: change.at,
            reverse=True,
        )
        for id, names in named.items()
        if found
    }


async def _ends(
    tx: AsyncConnection, work: Sequence[Incident], moment: Moment
) -> dict[IncidentId, datetime]:
    """Say when acknowledgements and snoozes end, by the wall clock."""
    held = {incident.id: ENDS[incident.status] for incident in work if incident.status in ENDS}
    running = await timers.of_incidents(tx, held)
    return {
        id: moment.wall(timer.due_at)
        for id, some in running.items()
        for timer in some
        if timer.kind is held[id]
    }
