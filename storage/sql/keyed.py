"""What a source calls its troubles by: its own key -> the labels it last told under it."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.labels import Labels
from storage.sql.rows import chunks, upsert
from storage.sql.schema import keyed


async def labels_of(tx: AsyncConnection, source: str, keys: Collection[str]) -> dict[str, Labels]:
    """Return the labels last told under each of `keys` that is known."""
    found: dict[str, Labels] = {}
    for some in chunks(set(keys)):
        query = select(keyed.c.key, keyed.c.labels)
        rows = await tx.execute(query.where(keyed.c.source == source, keyed.c.key.in_(some)))
        found.update((row.key, row.labels) for row in rows)
    return found


async def remember(
    tx: AsyncConnection, source: str, told: Mapping[str, Labels], at: datetime
) -> None:
    """Keep the labels told under each key; `at` is when, so that what is old can go."""
    rows = [
        {"source": source, "key": key, "labels": labels, "at": at} for key, labels in told.items()
    ]
    await upsert(tx, keyed, rows)


async def forget(tx: AsyncConnection, source: str, keys: Collection[str]) -> None:
    """Forget keys: what was told under them is over."""
    for some in chunks(set(keys)):
        named = and_(keyed.c.source == source, keyed.c.key.in_(some))
        await tx.execute(delete(keyed).where(named))
