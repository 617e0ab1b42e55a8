"""Alerts as incidents were told of them. One may be in several, at once or one after another."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.alert import Alert, AlertStatus, Category, Severity, Trace
from storage.model.incident import IncidentId, Status
from storage.model.labels import Fingerprint, Labels
from storage.model.standing import Held
from storage.model.tally import Heap, Tally
from storage.sql.rows import as_row, chunks, read_all
from storage.sql.rows import upsert as upsert_rows
from storage.sql.schema import FIRING, OPEN, alerts, incidents

TRACE = ("sampled", "stored", "judged")
READ = ("rank", "category", "name")
"""Columns that say what the labels say, for those who sum up."""
SEVERITIES = tuple(Severity)


def _row(incident: IncidentId, alert: Alert) -> dict[str, Any]:
    key = {"incident": incident, "fingerprint": alert.fingerprint}
    told = {"rank": alert.severity.rank, "category": alert.category, "name": alert.name}
    row = key | as_row(alert, "trace", "origin", "expires_at", "dated")
    return row | as_row(alert.trace) | told


INCIDENT = list(alerts.c.keys()).index("incident")
OWN = [
    (place, column.name)
    for place, column in enumerate(alerts.c)
    if column.name not in ("incident", "fingerprint", *TRACE, *READ)
]
TRACED = [(place, column.name) for place, column in enumerate(alerts.c) if column.name in TRACE]


def _alert(row: Sequence[Any]) -> Alert:
    """Read a row that begins with the table's columns, in their order."""
    trace = Trace(**{name: row[place] for place, name in TRACED})
    return Alert(**{name: row[place] for place, name in OWN}, trace=trace)


async def upsert(tx: AsyncConnection, incident: IncidentId, told: Sequence[Alert]) -> None:
    """Store an incident's alerts, or what they say now; the last of equal ones counts."""
    await upsert_many(tx, [(incident, alert) for alert in told])


async def upsert_many(tx: AsyncConnection, rows: Collection[tuple[IncidentId, Alert]]) -> None:
    """Store alerts in their incidents, or what they say now; the last of equal ones counts."""
    newest = {(incident, alert.fingerprint): alert for incident, alert in rows}
    await upsert_rows(
        tx, alerts, [_row(incident, alert) for (incident, _), alert in newest.items()]
    )


async def of_incident(tx: AsyncConnection, id: IncidentId) -> list[Alert]:
    """Return an incident's alerts, firing and resolved, the oldest first."""
    return (await of_incidents(tx, [id]))[id]


async def of_incidents(
    tx: AsyncConnection, ids: Collection[IncidentId]
) -> dict[IncidentId, list[Alert]]:
    """Return the alerts of each of `ids`, firing and resolved, the oldest first."""
    found: dict[IncidentId, list[Alert]] = {id: [] for id in ids}
    for some in chunks(found):
        query = select(alerts).where(alerts.c.incident.in_(some))
        rows = await tx.execute(query.order_by(alerts.c.starts_at, alerts.c.fingerprint))
        for incident, alert in await read_all(rows, lambda row: (row[INCIDENT], _alert(row))):
            found[incident].append(alert)
    return found


async def labels_of_firing(
    tx: AsyncConnection, ids: Collection[IncidentId]
) -> list[tuple[IncidentId, Labels]]:
    """Return the labels of each alert of `ids` that fires; far cheaper than the alerts."""
    found: list[tuple[IncidentId, Labels]] = []
    for some in chunks(ids):
        query = select(alerts.c.incident, alerts.c.labels).where(alerts.c.incident.in_(some))
        found += await read_all(await tx.execute(query.where(FIRING)), lambda row: (row[0], row[1]))
    return found


async def most_urgent(
    tx: AsyncConnection, totals: Mapping[IncidentId, int], most: int
) -> dict[IncidentId, list[Alert]]:
    """Return up to `most` alerts of each incident, the most urgent ones, firing before resolved.

    totals: how many alerts each of them has.
    """
    found = await of_incidents(tx, [id for id, total in totals.items() if total <= most])
    for id in totals.keys() - found.keys():
        query = select(alerts).where(alerts.c.incident == id)
        query = query.order_by(alerts.c.status, alerts.c.rank, alerts.c.starts_at)
        found[id] = [_alert(row) for row in await tx.execute(query.limit(most))]
    return found


async def tallies(tx: AsyncConnection, ids: Collection[IncidentId]) -> dict[IncidentId, Tally]:
    """Sum up the alerts of each of `ids`, firing and resolved."""
    found: dict[IncidentId, Tally] = dict.fromkeys(ids, ())
    silent = alerts.c.no_data_since.is_not(None).label("silent")
    alike = [alerts.c[name] for name in ("incident", "status", *READ, "muted")]
    since, last = func.min(alerts.c.starts_at), func.max(alerts.c.no_data_since)
    query = select(*alike, silent, func.count(), since, last).group_by(*alike, silent)
    for some in chunks(found):
        for id, *heap in await tx.execute(query.where(alerts.c.incident.in_(some))):
            found[id] = (*found[id], _heap(*heap))
    return found


def _heap(
    status: AlertStatus, rank: int, category: Category, name: str, muted: str,
    silent: bool, count: int, since: datetime, no_data_since: datetime | None,
) -> Heap:  # fmt: skip
    return Heap(
        name=name,
        severity=SEVERITIES[rank],
        category=category,
        firing=status is AlertStatus.FIRING,
        muted=muted,
        silent=bool(silent),
        count=count,
        since=since,
        no_data_since=no_data_since,
    )


async def holders(
    tx: AsyncConnection, fingerprints: Collection[Fingerprint]
) -> dict[Fingerprint, list[Held]]:
    """Return for each alert the incidents that have it now: those where it fires, those open."""
    found: dict[Fingerprint, list[Held]] = {key: [] for key in fingerprints}
    columns = (*alerts.c, incidents.c.group.label("held_by"), incidents.c.status.label("stands"))
    joined = alerts.join(incidents, incidents.c.id == alerts.c.incident)
    for some in chunks(found):
        query = select(*columns).select_from(joined).where(alerts.c.fingerprint.in_(some))
        query = query.where(or_(FIRING, OPEN)).order_by(alerts.c.incident)
        for row in await tx.execute(query):
            found[row.fingerprint].append(
                Held(
                    incident=row.incident,
                    group=row.held_by,
                    is_open=Status(row.stands).is_open,
                    alert=_alert(row),
                )
            )
    return found
