"""Who is on call instead, for a while."""

from datetime import datetime

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.person import Override
from storage.sql.rows import as_row, insert
from storage.sql.schema import overrides


async def add(tx: AsyncConnection, override: Override) -> None:
    """Store an override; it may begin later and may lie over others."""
    await tx.execute(insert(tx, overrides), [as_row(override)])


async def active(tx: AsyncConnection, now: datetime) -> list[Override]:
    """Return what holds at `now`, in the order in which it was made: the last one counts."""
    holds = and_(overrides.c.starts_at <= now, overrides.c.ends_at > now)
    rows = await tx.execute(select(overrides).where(holds).order_by(overrides.c.id))
    names = Override.__dataclass_fields__
    return [Override(**{name: row._mapping[name] for name in names}) for row in rows]


async def end(tx: AsyncConnection, oncall: str, now: datetime) -> int:
    """End what holds for this list at `now`; return how many there were."""
    holds = and_(overrides.c.starts_at <= now, overrides.c.ends_at > now)
    ended = update(overrides).where(overrides.c.oncall == oncall, holds).values(ends_at=now)
    return (await tx.execute(ended)).rowcount
