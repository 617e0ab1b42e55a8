"""Pages that somebody may still answer by SMS."""

from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.model.delivery import DeliveryStatus, Purpose
from storage.model.incident import Status
from storage.sql.schema import OPEN, incidents, outbox

TOOK_IT = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.UNPROVEN)


async def oldest_open(tx: AsyncConnection, *, ringing: bool) -> datetime | None:
    """Return since when the oldest page by SMS of an open incident is wanted; None: there is none.

    ringing: only of incidents that nobody has answered.
    """
    pages = and_(
        outbox.c.incident == incidents.c.id,
        outbox.c.channel == "sms",
        outbox.c.purpose == Purpose.PAGE,
        outbox.c.status.in_(TOOK_IT),
    )
    which = incidents.c.status == Status.TRIGGERED if ringing else OPEN
    found = await tx.scalar(select(func.min(outbox.c.created_at)).where(pages, which))
    assert found is None or isinstance(found, datetime)
    return found
