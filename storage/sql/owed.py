"""What is owed for many incidents at once, and what became of it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Text, and_, bindparam, case, literal, or_, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.clock import Steady
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


async def cancel_notices(
    tx: AsyncConnection, ids: Collection[IncidentId], words: Collection[str]
) -> int:
    """Cancel the waiting notices of incidents that say what is so no more; return how many.

    words: what they say, as their keys name it: `over`, `taken`.
    """
    cancelled = 0
    key = type_coerce(outbox.c.key, Text)
    says = or_(*(key.like(f"%/round/%/{word}/%") for word in words))
    for some in chunks(ids):
        which = and_(outbox.c.incident.in_(some), outbox.c.purpose == Purpose.NOTICE, says)
        gone = update(outbox).where(which, WAITING).values(status=DeliveryStatus.CANCELLED)
        cancelled += (await tx.execute(gone)).rowcount
    return cancelled


async def record_shown(
    tx: AsyncConnection, shown: Sequence[tuple[OutboxMessage, str]], sent_at: datetime
) -> None:
    """Note that claimed messages were taken, each with the provider's id, as `record_sent` does."""
    mine = and_(outbox.c.id == bindparam("row"), outbox.c.claim == bindparam("held"))
    current = outbox.c.revision == bindparam("sent")
    done = literal(DeliveryStatus.SENT, outbox.c.status.type)
    values: dict[str, Any] = {
        "status": case((and_(WAITING, current), done), else_=outbox.c.status),
        "attempts": case((current, outbox.c.attempts), else_=0),
        "provider_id": bindparam("named"),
        "sent_at": sent_at,
        "error": "",
        "doubted": False,
        "leased_by": None,
        "leased_until": None,
    }
    told = update(outbox).where(mine, outbox.c.leased_until.is_not(None)).values(values)
    rows = [
        {"row": it.id, "held": it.claim, "sent": it.revision, "named": provider_id}
        for it, provider_id in sorted(shown, key=lambda pair: pair[0].id)
    ]
    await tx.execute(told, rows)


async def record_carried(
    tx: AsyncConnection, carried: Mapping[str, str], sent_at: datetime
) -> list[OutboxMessage]:
    """Note that waiting pages went out within other messages: key -> the provider's id there.

    Returns those that still waited; most often there is none, and nothing is written.
    """
    gone = []
    for some in chunks(sorted(carried)):
        gone += await select_messages(tx, and_(outbox.c.key.in_(some), WAITING))
    sent = {"status": DeliveryStatus.SENT, "provider_id": bindparam("named")}
    told = update(outbox).where(outbox.c.id == bindparam("row"))
    told = told.values({**sent, "sent_at": sent_at, "error": ""})
    if gone:
        await tx.execute(told, [{"row": it.id, "named": carried[it.key]} for it in gone])
    return gone


async def bring_forward(
    tx: AsyncConnection, pages: Collection[tuple[IncidentId, str]], now: Steady
) -> None:
    """Let pages go that are wanted already: those of these incidents on these channels."""
    by_channel: dict[str, set[IncidentId]] = defaultdict(set)
    for incident, channel in pages:
        by_channel[channel].add(incident)
    wanted = and_(outbox.c.not_before > now, outbox.c.waiting_since <= now, WAITING)
    wanted &= outbox.c.purpose == Purpose.PAGE
    for channel, ids in sorted(by_channel.items()):
        for some in chunks(sorted(ids)):
            those = and_(outbox.c.incident.in_(some), outbox.c.channel == channel)
            await tx.execute(update(outbox).where(those, wanted).values(not_before=now))
