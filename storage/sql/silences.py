"""Silences and maintenance windows that people made, and the alerts some of them wait for."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import UnknownSilence
from storage.model.labels import Fingerprint
from storage.model.silence import Silence, SilenceId
from storage.sql.rows import as_row, chunks, insert, is_number
from storage.sql.schema import silence_covers, silences


def _row(it: Silence) -> dict[str, Any]:
    lasts = None if it.lasts is None else it.lasts.total_seconds()
    return as_row(it, "id") | {"lasts": lasts}


def _silence(row: Any) -> Silence:
    values = dict(row._mapping)
    lasts = values.pop("lasts")
    return Silence(**values, lasts=None if lasts is None else timedelta(seconds=lasts))


async def create(
    tx: AsyncConnection, silence: Silence, covers: Collection[Fingerprint] = ()
) -> Silence:
    """Store a new silence and return it with its number; the `id` it came with is ignored.

    covers: of one "until resolved": the alerts that must resolve for it to end.
    """
    found = await tx.execute(insert(tx, silences).returning(silences.c.id), [_row(silence)])
    id = found.scalar_one()
    if covers:
        rows = [{"silence": id, "fingerprint": fingerprint} for fingerprint in sorted(set(covers))]
        await tx.execute(insert(tx, silence_covers), rows)
    return replace(silence, id=id)


async def get(tx: AsyncConnection, id: SilenceId) -> Silence:
    """Return one silence; raises UnknownSilence."""
    query = select(silences).where(silences.c.id == id)
    row = (await tx.execute(query)).one_or_none() if is_number(id) else None
    if row is None:
        raise UnknownSilence(f"no silence has the number {id}")
    return _silence(row)


async def by_uuid(tx: AsyncConnection, uuid: str) -> Silence | None:
    """Return the silence that Alertmanager's clients know by this id."""
    row = (await tx.execute(select(silences).where(silences.c.uuid == uuid))).one_or_none()
    return None if row is None else _silence(row)


async def by_uuids(tx: AsyncConnection, uuids: Collection[str]) -> dict[str, Silence]:
    """Return those silences and windows that are still kept, over or not."""
    found = {}
    for some in chunks(set(uuids)):
        for row in await tx.execute(select(silences).where(silences.c.uuid.in_(some))):
            found[row.uuid] = _silence(row)
    return found


async def save(tx: AsyncConnection, silence: Silence) -> None:
    """Store what became of a silence: extended, expired, worded anew."""
    values = _row(silence)
    await tx.execute(update(silences).where(silences.c.id == silence.id).values(values))


async def unexpired(tx: AsyncConnection, now: datetime) -> list[Silence]:
    """Return those that are not over, begun or not, by number."""
    return await search(tx, since=now)


async def search(tx: AsyncConnection, *, since: datetime | None = None) -> list[Silence]:
    """Return those that end (or ended) after `since`, by number; None: every one kept."""
    query = select(silences).order_by(silences.c.id)
    if since is not None:
        query = query.where(or_(silences.c.ends_at.is_(None), silences.c.ends_at > since))
    return [_silence(row) for row in await tx.execute(query)]


async def uncover(tx: AsyncConnection, resolved: Collection[Fingerprint]) -> list[Silence]:
    """Note that alerts resolved; return the silences "until resolved" that wait for no more."""
    touched: set[int] = set()
    for some in chunks(set(resolved)):
        gone = delete(silence_covers).where(silence_covers.c.fingerprint.in_(some))
        touched.update((await tx.execute(gone.returning(silence_covers.c.silence))).scalars())
    done: list[Silence] = []
    for ids in chunks(touched):
        left = exists().where(silence_covers.c.silence == silences.c.id)
        query = select(silences).where(silences.c.id.in_(ids), ~left)
        done += map(_silence, await tx.execute(query.order_by(silences.c.id)))
    return done
