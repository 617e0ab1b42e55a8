"""Small facts of the installation itself, by name."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.sql.rows import upsert
from storage.sql.schema import meta


async def get(tx: AsyncConnection, key: str) -> str | None:
    """Return what was put under `key`."""
    value: str | None = await tx.scalar(select(meta.c.value).where(meta.c.key == key))
    return value


async def put(tx: AsyncConnection, key: str, value: str) -> None:
    """Set `key`, whether it is there or not."""
    await upsert(tx, meta, [{"key": key, "value": value}])
