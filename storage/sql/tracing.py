"""What is asked after the fact: which alert was meant, who heard of it, what nobody heard of."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, exists, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.delivery import DeliveryStatus
from storage.model.incident import IncidentId
from storage.model.labels import Fingerprint
from storage.model.silence import Mute
from storage.sql.schema import FIRING, STANDS, alerts, incidents, outbox, standing

LABELS = type_coerce(standing.c.labels, Text)
TOOK = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.UNPROVEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """Firing alerts that the same mutes hide: how many, and one of them."""

    mutes: tuple[Mute, ...]
    count: int
    example: Fingerprint


async def find(
    tx: AsyncConnection, pairs: Sequence[tuple[str, str]], *, fingerprint: str, limit: int
) -> list[Fingerprint]:
    """Return alerts that have all of these labels, or whose fingerprint begins so.

    The firing ones first, then what was told last.
    """
    wanted: list[ColumnElement[bool]] = []
    if fingerprint:
        wanted.append(standing.c.fingerprint.startswith(fingerprint, autoescape=True))
    for name, value in pairs:
        wanted.append(or_(*(LABELS.contains(it, autoescape=True) for it in _written(name, value))))
    query = select(standing.c.fingerprint, standing.c.labels).where(*wanted)
    query = query.order_by(standing.c.status, standing.c.updated_at.desc())
    # LIKE knows no case on SQLite: it only narrows down.
    rows = await tx.execute(query.limit(limit + 10))
    found = [key for key, has in rows if all(has.get(name) == value for name, value in pairs)]
    return [Fingerprint(key) for key in found[:limit]]


def _written(name: str, value: str) -> set[str]:
    """Return how a label may stand in a row: letters beyond ASCII as they are, or escaped."""
    return {
        json.dumps({name: value}, separators=(",", ":"), ensure_ascii=escaped)[1:-1]
        for escaped in (False, True)
    }


async def incidents_with(
    tx: AsyncConnection, fingerprint: Fingerprint, limit: int
) -> list[IncidentId]:
    """Return the newest incidents that were told of an alert, the newest first."""
    query = select(alerts.c.incident).where(alerts.c.fingerprint == fingerprint)
    rows = await tx.execute(query.order_by(alerts.c.incident.desc()).limit(limit))
    return [IncidentId(id) for id in rows.scalars()]


async def hidden(tx: AsyncConnection, limit: int) -> tuple[int, list[Hidden]]:
    """Return how many firing alerts somebody mutes, and by whom, the most hidden first."""
    count = func.count()
    query = select(standing.c.mutes, count, func.min(standing.c.fingerprint))
    query = query.where(STANDS, standing.c.mutes != ()).group_by(standing.c.mutes)
    found = [
        Hidden(mutes=mutes, count=number, example=Fingerprint(key))
        for mutes, number, key in await tx.execute(query.order_by(count.desc()))
    ]
    return sum(it.count for it in found), found[:limit]


async def unheard_incidents(tx: AsyncConnection, since: datetime, limit: int) -> list[IncidentId]:
    """Return the newest incidents, opened since then, of which no message went out."""
    went = exists().where(outbox.c.incident == incidents.c.id, outbox.c.status.in_(TOOK))
    query = select(incidents.c.id).where(incidents.c.opened_at >= since, ~went)
    rows = await tx.execute(query.order_by(incidents.c.id.desc()).limit(limit))
    return [IncidentId(id) for id in rows.scalars()]


async def quiet_incidents(tx: AsyncConnection, limit: int) -> tuple[int, list[IncidentId]]:
    """Return how many incidents people ended while they fire still, and the newest of them."""
    firing = select(alerts.c.incident).where(FIRING).distinct()
    query = select(incidents.c.id).where(incidents.c.quiet, incidents.c.id.in_(firing))
    found = [IncidentId(id) for id in (await tx.execute(query)).scalars()]
    return len(found), sorted(found, reverse=True)[:limit]


async def unheard_alerts(tx: AsyncConnection, since: datetime, limit: int) -> list[Fingerprint]:
    """Return what ended since then and no incident was told of; what ended last comes first.

    What was never told to fire is left out: there was nothing to hear.
    """
    told = exists().where(
        alerts.c.fingerprint == standing.c.fingerprint, alerts.c.starts_at >= standing.c.starts_at
    )
    fired = or_(standing.c.trail == "", standing.c.trail.contains("\tcame\t"))
    query = select(standing.c.fingerprint).where(~STANDS, standing.c.ends_at >= since, ~told, fired)
    rows = await tx.execute(query.order_by(standing.c.ends_at.desc()).limit(limit))
    return [Fingerprint(key) for key in rows.scalars()]
