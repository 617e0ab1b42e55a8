"""Alerts as incidents were told of them. One may be in several, at once or one after another."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.alert import Alert, Trace
from storage.model.incident import IncidentId, Status
from storage.model.labels import Fingerprint
from storage.model.standing import Held
from storage.sql.rows import as_row, chunks
from storage.sql.rows import upsert as upsert_rows
from storage.sql.schema import FIRING, OPEN, alerts, incidents

TRACE = ("sampled", "stored", "judged")


def _row(incident: IncidentId, alert: Alert) -> dict[str, Any]:
    key = {"incident": incident, "fingerprint": alert.fingerprint}
    return key | as_row(alert, "trace", "origin", "expires_at", "dated") | as_row(alert.trace)


def _alert(row: Any) -> Alert:
    return _from(dict(row._mapping))


def _from(values: dict[str, Any]) -> Alert:
    del values["incident"], values["fingerprint"]
    trace = Trace(**{name: values.pop(name) for name in TRACE})
    return Alert(**values, trace=trace)


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
        for row in await tx.execute(query.order_by(alerts.c.starts_at, alerts.c.fingerprint)):
            found[row.incident].append(_alert(row))
    return found


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
            values = dict(row._mapping)
            group, status = values.pop("held_by"), values.pop("stands")
            found[row.fingerprint].append(
                Held(
                    incident=row.incident,
                    group=group,
                    is_open=Status(status).is_open,
                    alert=_from(values),
                )
            )
    return found
