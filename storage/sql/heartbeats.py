"""When who last called who is expected to."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.heartbeat import Pulse
from storage.sql.rows import as_row, chunks, upsert
from storage.sql.schema import heartbeats


async def load_all(tx: AsyncConnection) -> dict[str, Pulse]:
    """Return what is known of every heartbeat, by its name."""
    rows = await tx.execute(select(heartbeats).order_by(heartbeats.c.name))
    return {row.name: Pulse(**row._mapping) for row in rows}


async def get(tx: AsyncConnection, name: str) -> Pulse | None:
    """Return what is known of one; None where it is new."""
    row = (await tx.execute(select(heartbeats).where(heartbeats.c.name == name))).first()
    return None if row is None else Pulse(**row._mapping)


async def save_many(tx: AsyncConnection, pulses: Sequence[Pulse]) -> None:
    """Store what is known now."""
    await upsert(tx, heartbeats, [as_row(pulse) for pulse in pulses])


async def forget(tx: AsyncConnection, names: Collection[str]) -> None:
    """Forget those that nobody expects any more."""
    for some in chunks(names):
        await tx.execute(delete(heartbeats).where(heartbeats.c.name.in_(some)))
