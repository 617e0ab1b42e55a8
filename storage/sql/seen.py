"""What came in already: a platform delivers the same event twice, it is done once."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.sql.rows import insert
from storage.sql.schema import seen


async def first_time(tx: AsyncConnection, key: str, at: datetime) -> bool:
    """Remember `key`; False where it was seen before."""
    new = insert(tx, seen).values(key=key, at=at).on_conflict_do_nothing(index_elements=["key"])
    return (await tx.execute(new.returning(seen.c.key))).first() is not None


async def is_known(tx: AsyncConnection, key: str) -> bool:
    """Say whether `key` was seen before."""
    return await tx.scalar(select(seen.c.key).where(seen.c.key == key)) is not None


async def count_since(tx: AsyncConnection, prefix: str, at: datetime) -> int:
    """Count what was seen since `at` whose key begins with `prefix`."""
    alike = seen.c.key.startswith(prefix, autoescape=True)
    return await tx.scalar(select(func.count()).where(seen.c.at >= at, alike)) or 0


async def forget_before(tx: AsyncConnection, at: datetime) -> int:
    """Forget what was seen before `at`; return how much that was."""
    return (await tx.execute(delete(seen).where(seen.c.at < at))).rowcount
