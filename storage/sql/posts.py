"""Where each incident stands in each room."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.delivery import Post
from storage.model.incident import IncidentId
from storage.sql.rows import as_row, chunks, upsert
from storage.sql.schema import posts


def _post(row: Any) -> Post:
    return Post(**row._mapping)


async def get(tx: AsyncConnection, incident: IncidentId, channel: str, address: str) -> Post | None:
    """Return where the incident stands in this room, if it was ever shown there."""
    place = and_(posts.c.channel == channel, posts.c.address == address)
    found = (await tx.execute(select(posts).where(posts.c.incident == incident, place))).first()
    return None if found is None else _post(found)


async def of_incident(tx: AsyncConnection, incident: IncidentId) -> list[Post]:
    """Return every place where the incident stands."""
    query = select(posts).where(posts.c.incident == incident)
    rows = await tx.execute(query.order_by(posts.c.channel, posts.c.address))
    return [_post(row) for row in rows]


async def of_incidents(
    tx: AsyncConnection, ids: Collection[IncidentId]
) -> dict[tuple[IncidentId, str, str], Post]:
    """Return where each of `ids` stands: incident, channel and address -> the place."""
    found = {}
    for some in chunks(set(ids)):
        for row in await tx.execute(select(posts).where(posts.c.incident.in_(some))):
            found[row.incident, row.channel, row.address] = _post(row)
    return found


async def save(tx: AsyncConnection, post: Post) -> None:
    """Remember where the incident stands; one place for each room."""
    await save_many(tx, [post])


async def save_many(tx: AsyncConnection, new: Collection[Post]) -> None:
    """Remember where incidents stand; of one place the last counts."""
    last = {(it.incident, it.channel, it.address): as_row(it) for it in new}
    await upsert(tx, posts, list(last.values()))


async def by_message(
    tx: AsyncConnection, channel: str, address: str, message_id: str
) -> IncidentId | None:
    """Return the incident that this message shows; the newest, should there be two."""
    place = and_(posts.c.channel == channel, posts.c.address == address)
    query = select(func.max(posts.c.incident)).where(place, posts.c.message_id == message_id)
    found = await tx.scalar(query)
    return None if found is None else IncidentId(found)
