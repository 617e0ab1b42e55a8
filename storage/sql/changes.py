"""Deployments and other changes, as their sources told them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.change import Change
from storage.sql.rows import as_row, chunks, upsert
from storage.sql.schema import changes


async def upsert_many(tx: AsyncConnection, told: Sequence[Change]) -> None:
    """Keep changes; what is told again under its key replaces what was told before."""
    newest = {(change.source, change.key): change for change in told}
    await upsert(tx, changes, [as_row(change) for change in newest.values()])


async def of_services(
    tx: AsyncConnection, services: Collection[str], since: datetime
) -> dict[str, list[Change]]:
    """Return the changes of each service from `since` on, the newest first; none: left out."""
    found: dict[str, list[Change]] = {}
    for some in chunks(set(services)):
        query = select(changes).where(changes.c.service.in_(some), changes.c.at >= since)
        for row in await tx.execute(query.order_by(changes.c.at.desc(), changes.c.key)):
            found.setdefault(row.service, []).append(Change(**row._mapping))
    return found


async def latest(tx: AsyncConnection, since: datetime, limit: int) -> list[Change]:
    """Return up to `limit` changes from `since` on, the newest first."""
    query = select(changes).where(changes.c.at >= since)
    rows = await tx.execute(query.order_by(changes.c.at.desc(), changes.c.key).limit(limit))
    return [Change(**row._mapping) for row in rows]
