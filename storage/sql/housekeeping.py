"""What is old goes; the audit stays."""

from datetime import datetime

from sqlalchemy import ColumnElement, Table, and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.sql.schema import (
    OPEN,
    STANDS,
    WAITING,
    changes,
    incidents,
    keyed,
    outbox,
    overrides,
    seen,
    silences,
    standing,
)


async def delete_before(tx: AsyncConnection, at: datetime, limit: int) -> int:
    """Delete up to `limit` rows of each kind that ended before `at`; return how many it were.

    Incidents that were resolved and whose alerts had cleared, with all that hangs on them
    (alerts, timers, posts, outbox); messages about Tocsin itself that no longer wait;
    overrides; events seen; sources' keys; changes; alerts that were resolved, silences that
    were over. 0 means that nothing old is left.
    """
    over = and_(~OPEN, incidents.c.resolved_at < at, incidents.c.firing == 0)
    told = and_(outbox.c.incident.is_(None), ~WAITING, outbox.c.created_at < at)
    deleted = await _delete(tx, incidents, over, limit)
    deleted += await _delete(tx, outbox, told, limit)
    deleted += await _delete(tx, overrides, overrides.c.ends_at < at, limit)
    for told_by_others in (keyed, changes):
        deleted += (
            await tx.execute(delete(told_by_others).where(told_by_others.c.at < at))
        ).rowcount
    ended = and_(~STANDS, standing.c.ends_at < at)
    deleted += await _delete(tx, standing, ended, limit)
    deleted += await _delete(tx, silences, silences.c.ends_at < at, limit)
    return deleted + await _delete(tx, seen, seen.c.at < at, limit)


async def _delete(tx: AsyncConnection, table: Table, old: ColumnElement[bool], limit: int) -> int:
    (key,) = table.primary_key
    some = select(key).where(old).order_by(key).limit(limit)
    return (await tx.execute(delete(table).where(key.in_(some)))).rowcount
