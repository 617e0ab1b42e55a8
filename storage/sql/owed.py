"""Everything that is owed for many incidents."""

from collections.abc import Collection

from sqlalchemy import Text, and_, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.delivery import DeliveryStatus, OutboxMessage, Purpose
from storage.model.incident import IncidentId
from storage.sql.outbox import select_messages
from storage.sql.rows import chunks
from storage.sql.schema import WAITING, outbox


async def of_incidents(
    tx: AsyncConnection, ids: Collection[IncidentId]
) -> dict[IncidentId, list[OutboxMessage]]:
    """Return everything that was ever owed for each of `ids`, in the order it was decided."""
    found: dict[IncidentId, list[OutboxMessage]] = {id: [] for id in ids}
    for some in chunks(found):
        for message in await select_messages(tx, outbox.c.incident.in_(some)):
            found[IncidentId(message.incident or 0)].append(message)
    return found


async def cancel_ends_of(tx: AsyncConnection, ids: Collection[IncidentId]) -> int:
    """Cancel the waiting notices that incidents are over, for they are not; return how many."""
    cancelled = 0
    says_over = type_coerce(outbox.c.key, Text).like("%/round/%/over/%")
    for some in chunks(ids):
        which = and_(outbox.c.incident.in_(some), outbox.c.purpose == Purpose.NOTICE, says_over)
        gone = update(outbox).where(which, WAITING).values(status=DeliveryStatus.CANCELLED)
        cancelled += (await tx.execute(gone)).rowcount
    return cancelled
