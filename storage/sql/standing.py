"""Alerts as they stand: every alert that any source told, by its fingerprint."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.clock import Steady
from storage.model.alert import Alert
from storage.model.labels import Fingerprint, Labels
from storage.model.silence import Mute
from storage.model.standing import Known, Standing
from storage.sql.rows import as_row, chunks, read_all, upsert
from storage.sql.schema import STANDS, standing

OWN = ("updated_at", "expires", "expired", "mutes", "waiting")
SHORT = ("fingerprint", *(field.name for field in fields(Known)))


def _row(it: Standing) -> dict[str, Any]:
    own = {name: getattr(it, name) for name in OWN}
    return {"fingerprint": it.fingerprint} | as_row(it.alert, "trace", "muted", "origin") | own


PLACES = [(place, column.name) for place, column in enumerate(standing.c)]
TOLD = [(place, name) for place, name in PLACES if name not in ("fingerprint", *OWN)]
KEPT = [(place, name) for place, name in PLACES if name in OWN]


def _standing(row: Any) -> Standing:
    """Read a row of the table's columns, in their order."""
    alert = Alert(**{name: row[place] for place, name in TOLD})
    return Standing(alert=alert, **{name: row[place] for place, name in KEPT})


async def upsert_many(tx: AsyncConnection, rows: Collection[Standing]) -> None:
    """Store how alerts stand; of equal ones the last counts."""
    last = {it.fingerprint: it for it in rows}
    await upsert(tx, standing, [_row(it) for it in last.values()])


async def refresh_many(tx: AsyncConnection, rows: Collection[Standing]) -> None:
    """Note that known alerts were told again: texts, value and expiry, nothing else."""
    if not rows:
        return
    names = ("annotations", "value", "generator_url", "expires_at", "updated_at", "expires")
    change: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    statement = update(standing).where(standing.c.fingerprint == bindparam("key")).values(change)
    last = {it.fingerprint: _row(it) for it in rows}
    told = [
        {"key": key, **{f"new_{name}": row[name] for name in names}}
        for key, row in sorted(last.items())
    ]
    await tx.execute(statement, told)


async def touch(tx: AsyncConnection, fingerprints: Collection[Fingerprint], now: Standing) -> None:
    """Note that known alerts were told again in the same words, and stand as `now` does."""
    told = {
        "updated_at": now.updated_at,
        "expires": now.expires,
        "expires_at": now.alert.expires_at,
    }
    for some in chunks(sorted(fingerprints)):
        await tx.execute(update(standing).where(standing.c.fingerprint.in_(some)).values(told))


async def look(
    tx: AsyncConnection, fingerprints: Collection[Fingerprint]
) -> dict[Fingerprint, bool]:
    """Return those of these alerts that were ever told: whether each fires and has data."""
    goes_on = and_(STANDS, standing.c.no_data_since.is_(None))
    query = select(standing.c.fingerprint, case((goes_on, 1), else_=0))
    found: dict[Fingerprint, bool] = {}
    for some in chunks(fingerprints):
        rows = await tx.execute(query.where(standing.c.fingerprint.in_(some)))
        found.update({key: bool(fires) for key, fires in rows})
    return found


async def known(
    tx: AsyncConnection, fingerprints: Collection[Fingerprint]
) -> dict[Fingerprint, Known]:
    """Return of each alert that was ever told what decides whether something is news; cheap."""
    columns = [standing.c[name] for name in SHORT]
    found = {}
    for some in chunks(set(fingerprints)):
        for key, *values in await tx.execute(
            select(*columns).where(standing.c.fingerprint.in_(some))
        ):
            found[key] = Known(**dict(zip(SHORT[1:], values, strict=True)))
    return found


async def by_fingerprints(
    tx: AsyncConnection, fingerprints: Collection[Fingerprint]
) -> dict[Fingerprint, Standing]:
    """Return those alerts that were ever told (and are still remembered)."""
    found = {}
    for some in chunks(set(fingerprints)):
        for row in await tx.execute(select(standing).where(standing.c.fingerprint.in_(some))):
            found[row.fingerprint] = _standing(row)
    return found


async def firing(tx: AsyncConnection) -> list[Standing]:
    """Return every alert that fires, heard or not, in the order of their fingerprints."""
    query = select(standing).where(STANDS).order_by(standing.c.fingerprint)
    return await read_all(await tx.execute(query), _standing)


async def firing_after(
    tx: AsyncConnection, last: str, limit: int, *, only_held_back: bool = False
) -> list[Standing]:
    """Return up to `limit` firing alerts behind the fingerprint `last` ('' for the first page).

    only_held_back: those alone that somebody mutes, or that a group is still to hear of.
    """
    query = select(standing).where(STANDS, standing.c.fingerprint > last)
    if only_held_back:
        query = query.where(or_(standing.c.mutes != (), standing.c.waiting != ()))
    rows = await tx.execute(query.order_by(standing.c.fingerprint).limit(limit))
    return await read_all(rows, _standing)


async def labels_after(
    tx: AsyncConnection, last: str, limit: int
) -> list[tuple[Fingerprint, Labels]]:
    """Return the labels of what `firing_after` returns; far cheaper than all of it."""
    query = select(standing.c.fingerprint, standing.c.labels).where(STANDS)
    behind = query.where(standing.c.fingerprint > last).order_by(standing.c.fingerprint)
    return await read_all(await tx.execute(behind.limit(limit)), lambda row: (row[0], row[1]))


async def mutes_of_firing(tx: AsyncConnection) -> list[tuple[Mute, ...]]:
    """Return the mutes of each firing alert that somebody mutes."""
    query = select(standing.c.mutes).where(STANDS, standing.c.mutes != ())
    return [row.mutes for row in await tx.execute(query)]


async def expired(tx: AsyncConnection, now: Steady, limit: int) -> list[Standing]:
    """Return up to `limit` firing alerts whose time ran out, the longest overdue first."""
    query = select(standing).where(STANDS, standing.c.expires <= now)
    ordered = query.order_by(standing.c.expires, standing.c.fingerprint).limit(limit)
    return [_standing(row) for row in await tx.execute(ordered)]


async def count_firing(tx: AsyncConnection) -> int:
    """Return how many alerts fire, heard or not."""
    return await tx.scalar(select(func.count()).select_from(standing).where(STANDS)) or 0


async def count_unheard(tx: AsyncConnection) -> int:
    """Return how many alerts fire that somebody or something keeps from being heard."""
    query = select(func.count()).select_from(standing).where(STANDS, standing.c.mutes != ())
    return await tx.scalar(query) or 0
