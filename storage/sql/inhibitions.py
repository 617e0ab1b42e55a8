"""Which firing alerts hide others, and which would be hidden: found by key, however many fire."""

from collections.abc import Collection

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.labels import Fingerprint
from storage.model.silence import Side
from storage.sql.rows import as_row, chunks, upsert
from storage.sql.schema import inhibitions

TURN = int.from_bytes(b"hiding")  # another than the key of the lease


async def take_turns(tx: AsyncConnection) -> None:
    """Let one transaction at a time decide which alerts hide which, from here to its end.

    Two that cannot see each other's rows would leave an alert hidden by one that is over. To be
    called before anything is written. SQLite has one writer anyway.
    """
    if tx.dialect.name == "postgresql":
        await tx.execute(select(func.pg_advisory_xact_lock(TURN)))


async def replace_sides(
    tx: AsyncConnection, alerts: Collection[Fingerprint], sides: Collection[Side]
) -> None:
    """Forget what part these alerts had, and store the parts that they have now."""
    for some in chunks(set(alerts)):
        await tx.execute(delete(inhibitions).where(inhibitions.c.fingerprint.in_(some)))
    await upsert(tx, inhibitions, [as_row(side) for side in sides])


async def forget_all(tx: AsyncConnection) -> None:
    """Forget every part: the rules changed."""
    await tx.execute(delete(inhibitions))


async def by_keys(tx: AsyncConnection, keys: Collection[str], *, source: bool) -> list[Side]:
    """Return the sources, or the targets, that these keys name."""
    wanted = inhibitions.c.source if source else inhibitions.c.target
    found: list[Side] = []
    for some in chunks(set(keys)):
        query = select(inhibitions).where(inhibitions.c.key.in_(some), wanted)
        rows = await tx.execute(query.order_by(inhibitions.c.key, inhibitions.c.fingerprint))
        found += [Side(**row._mapping) for row in rows]
    return found


async def first_sources(tx: AsyncConnection, keys: Collection[str]) -> dict[str, Fingerprint]:
    """Return one source for each of these keys that has any; one, however many there are."""
    found: dict[str, Fingerprint] = {}
    first = func.min(inhibitions.c.fingerprint)
    for some in chunks(set(keys)):
        query = select(inhibitions.c.key, first).where(
            inhibitions.c.key.in_(some), inhibitions.c.source
        )
        found |= {key: it for key, it in await tx.execute(query.group_by(inhibitions.c.key))}
    return found


async def counts(tx: AsyncConnection, keys: Collection[str]) -> dict[str, int]:
    """Return how many alerts have a part under each of these keys; none: it is left out."""
    found: dict[str, int] = {}
    for some in chunks(set(keys)):
        query = select(inhibitions.c.key, func.count()).where(inhibitions.c.key.in_(some))
        found |= {key: it for key, it in await tx.execute(query.group_by(inhibitions.c.key))}
    return found


async def of_alerts(tx: AsyncConnection, alerts: Collection[Fingerprint]) -> list[Side]:
    """Return the parts that these alerts have."""
    found: list[Side] = []
    for some in chunks(set(alerts)):
        query = select(inhibitions).where(inhibitions.c.fingerprint.in_(some))
        found += [Side(**row._mapping) for row in await tx.execute(query)]
    return found
