"""The record of who did what. Rows are only ever added; triggers refuse everything else."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.audit import AuditRow
from storage.model.incident import IncidentId
from storage.sql.rows import as_row, chunks, insert
from storage.sql.schema import audit


def _row(row: Any) -> AuditRow:
    return AuditRow(**row._mapping)


async def append(
    tx: AsyncConnection,
    *,
    incident: IncidentId | None,
    at: datetime,
    actor: str,
    via: str,
    what: str,
    because: str,
) -> None:
    """Add one fact."""
    fact = AuditRow(
        id=0, incident=incident, at=at, actor=actor, via=via, what=what, because=because
    )
    await append_many(tx, [fact])


async def append_many(tx: AsyncConnection, facts: Sequence[AuditRow]) -> None:
    """Add facts in the order given; the `id` they came with is ignored."""
    if facts:
        await tx.execute(insert(tx, audit), [as_row(fact, "id") for fact in facts])


async def of_incident(tx: AsyncConnection, id: IncidentId, after: int = 0) -> list[AuditRow]:
    """Return an incident's story, from the row behind `after` on."""
    query = select(audit).where(audit.c.incident == id, audit.c.id > after)
    return [_row(row) for row in await tx.execute(query.order_by(audit.c.id))]


async def of_incidents(
    tx: AsyncConnection, ids: Collection[IncidentId]
) -> dict[IncidentId, list[AuditRow]]:
    """Return the whole story of each of `ids`."""
    found: dict[IncidentId, list[AuditRow]] = {id: [] for id in ids}
    for some in chunks(found):
        query = select(audit).where(audit.c.incident.in_(some)).order_by(audit.c.id)
        for row in await tx.execute(query):
            found[row.incident].append(_row(row))
    return found


async def between(
    tx: AsyncConnection, start: datetime, end: datetime, what: Collection[str] | None = None
) -> list[AuditRow]:
    """Return what happened in [start, end), of the kinds `what` (None: all), oldest first."""
    query = select(audit).where(audit.c.at >= start, audit.c.at < end)
    if what is not None:
        query = query.where(audit.c.what.in_(sorted(what)))
    return [_row(row) for row in await tx.execute(query.order_by(audit.c.at, audit.c.id))]
