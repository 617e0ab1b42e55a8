"""Everything that is owed for many incidents."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.delivery import OutboxMessage
from storage.model.incident import IncidentId
from storage.sql.outbox import select_messages
from storage.sql.rows import chunks
from storage.sql.schema import outbox


async def of_incidents(
    tx: AsyncConnection, ids: Collection[IncidentId]
) -> dict[IncidentId, list[OutboxMessage]]:
    """Return everything that was ever owed for each of `ids`, in the order it was decided."""
    found: dict[IncidentId, list[OutboxMessage]] = {id: [] for id in ids}
    for some in chunks(found):
        for message in await select_messages(tx, outbox.c.incident.in_(some)):
            found[IncidentId(message.incident or 0)].append(message)
    return found
