"""What rooms wait for in the outbox: incidents that were never shown there, and recaps."""

from collections.abc import Collection

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.clock import Steady
from storage.model.delivery import DeliveryStatus, OutboxId, OutboxMessage, Purpose
from storage.sql.outbox import select_messages
from storage.sql.rows import chunks
from storage.sql.schema import WAITING, outbox, posts

MOST = 2_000
"""First messages of one room that are looked at together."""


async def first_posts(
    tx: AsyncConnection,
    channel: str,
    address: str,
    *,
    less_leased: Steady | None = None,
    but: Collection[OutboxId] = (),
) -> list[OutboxMessage]:
    """Return what waits to show an incident in a room for the first time, the most urgent first.

    Of very many some, so that a storm does not fill the memory; the others' turn comes.
    less_leased: without what is leased at this moment; `but` these, which the caller holds.
    """
    same = and_(posts.c.incident == outbox.c.incident, posts.c.channel == channel)
    shown = exists().where(and_(same, posts.c.address == address))
    rooms = and_(WAITING, outbox.c.purpose == Purpose.ROOM, outbox.c.incident.is_not(None))
    rooms &= and_(outbox.c.channel == channel, outbox.c.address == address, ~shown)
    if less_leased is not None:
        free = or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= less_leased)
        rooms &= or_(free, outbox.c.id.in_(sorted(but)))
    return await select_messages(tx, rooms, order=outbox.c.urgency, limit=MOST)


async def is_owed(tx: AsyncConnection, channel: str, address: str) -> bool:
    """Say whether a room waits for a message about no incident in particular."""
    place = and_(outbox.c.channel == channel, outbox.c.address == address)
    nobody = and_(outbox.c.incident.is_(None), outbox.c.person.is_(None))
    nobody &= outbox.c.purpose == Purpose.NOTICE
    return bool(await tx.scalar(select(exists().where(and_(WAITING, place, nobody)))))


async def told_otherwise(tx: AsyncConnection, ids: Collection[OutboxId], how: str) -> None:
    """Let go of waiting messages whose news goes another way; `how` is kept as their error."""
    gone = {"status": DeliveryStatus.CANCELLED, "error": how}
    free = {"leased_by": None, "leased_until": None}
    for some in chunks(ids):
        await tx.execute(update(outbox).where(outbox.c.id.in_(some), WAITING).values(gone | free))
