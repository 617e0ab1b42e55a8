"""The outbox: owe a message once, claim what is due under a lease, note what became of it.

An outcome counts only for the claim that holds the message (`OutboxMessage.claim`): a sender
that was too slow, and whose message another one took, changes nothing any more.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.clock import Steady
from storage.model.delivery import DeliveryStatus, OutboxId, OutboxMessage, Purpose
from storage.model.incident import IncidentId
from storage.model.person import PersonId
from storage.sql.rows import as_row, chunks, insert, insert_by
from storage.sql.schema import SENT, WAITING, outbox

PURPOSES = (Purpose.PAGE, Purpose.ROOM, Purpose.NOTICE, Purpose.REPORT)
"""Who goes first among equally severe messages; a room's first post asks people, as pages do."""

OWN = ("urgency", "leased_by", "leased_until")
FIELDS = [column for column in outbox.c if column.name not in OWN]
NAMES = tuple(column.name for column in FIELDS)


def _urgency(message: OutboxMessage) -> int:
    return message.severity.rank * len(PURPOSES) + PURPOSES.index(message.purpose)


def _row(message: OutboxMessage) -> dict[str, Any]:
    more = {"urgency": _urgency(message), "waiting_since": message.not_before}
    return as_row(message, "id") | more


def read(row: Any) -> OutboxMessage:
    """Turn a row of FIELDS into the message."""
    return OutboxMessage(**dict(zip(NAMES, row, strict=True)))


async def enqueue(tx: AsyncConnection, message: OutboxMessage) -> bool:
    """Owe `message`, once: False where its key is known already. Its `id` is ignored."""
    return bool(await enqueue_many(tx, [message]))


async def enqueue_many(tx: AsyncConnection, messages: Sequence[OutboxMessage]) -> set[str]:
    """Owe each message once; return the keys that were new."""
    if not messages:
        return set()
    rows = sorted(map(_row, messages), key=lambda row: str(row["key"]))
    once = insert(tx, outbox).on_conflict_do_nothing(index_elements=["key"])
    return set((await tx.execute(once.returning(outbox.c.key), rows)).scalars())


async def arm_room(tx: AsyncConnection, message: OutboxMessage) -> None:
    """Owe a room the incident's present state: the row of this key, one revision further.

    While an older revision is being sent its lease stays; the row then waits for its turn.
    """
    await arm_rooms(tx, [message])


async def arm_rooms(tx: AsyncConnection, messages: Sequence[OutboxMessage]) -> None:
    """Arm many rooms at once; of two messages with one key the last counts."""
    if not messages:
        return
    rows = {message.key: _row(message) for message in messages}
    await tx.execute(_arming(tx.dialect.name), [rows[key] for key in sorted(rows)])


@lru_cache(maxsize=2)
def _arming(dialect: str) -> Any:
    new = insert_by(dialect, outbox)
    told = ("severity", "urgency", "body", "not_before", "deadline", "status", "error")
    was = outbox.c
    armed = {name: new.excluded[name] for name in told} | {
        "revision": was.revision + 1,
        "attempts": case((was.leased_until.is_(None), 0), else_=was.attempts),
        "waiting_since": case((WAITING, was.waiting_since), else_=new.excluded.waiting_since),
    }
    return new.on_conflict_do_update(index_elements=["key"], set_=armed)


async def claim_due(
    tx: AsyncConnection,
    *,
    owner: str,
    now: Steady,
    lease: float,
    limit: int,
    busy: Collection[tuple[str, str]] = (),
    full: Collection[str] = (),
    only: Collection[tuple[str, str]] = (),
) -> list[OutboxMessage]:
    """Lease up to `limit` due messages to `owner` for `lease` seconds, the most urgent first.

    Order: criticals first, within a severity pages, rooms, notices, then the longest overdue.
    Due: waiting, `not_before` has come, no lease is running, (channel, address) is not among
    `busy` (but among `only`, unless that is empty) and the channel not among `full`. A crashed
    owner's messages come back when its lease ends. Replicas never claim the same message: on
    PostgreSQL locked rows are skipped, on SQLite writers take turns.
    """
    free = or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= now)
    ready = and_(WAITING, outbox.c.not_before <= now, free)
    if busy:
        ready &= tuple_(outbox.c.channel, outbox.c.address).not_in(sorted(set(busy)))
    if only:
        ready &= tuple_(outbox.c.channel, outbox.c.address).in_(sorted(set(only)))
    if full:
        ready &= outbox.c.channel.not_in(sorted(full))
    due = (
        select(outbox.c.id)
        .where(ready)
        .order_by(outbox.c.urgency, outbox.c.not_before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).cte("due")
    taken = {"leased_by": owner, "leased_until": now + lease}
    counted = {"attempts": outbox.c.attempts + 1, "claim": outbox.c.claim + 1}
    counted["doubted"] = or_(outbox.c.doubted, outbox.c.leased_until.is_not(None))
    claim = update(outbox).where(outbox.c.id.in_(select(due.c.id))).values(taken | counted)
    claimed = map(read, (await tx.execute(claim.returning(*FIELDS))).all())
    return sorted(claimed, key=lambda it: (_urgency(it), it.not_before, it.id))


async def put_back(
    tx: AsyncConnection, messages: Sequence[OutboxMessage], *, not_before: Steady
) -> None:
    """Give messages back untried, in the transaction that claimed them: no attempt is counted."""
    values = {"not_before": not_before, "attempts": outbox.c.attempts - 1}
    back = update(outbox).values(values | {"leased_by": None, "leased_until": None})
    await tx.execute(back.where(outbox.c.id.in_([message.id for message in messages])))


async def bring_forward(
    tx: AsyncConnection, incident: IncidentId, channel: str, now: Steady
) -> int:
    """Let an incident's pages on this channel go that are wanted already; return how many."""
    pages = and_(outbox.c.incident == incident, outbox.c.purpose == Purpose.PAGE)
    wanted = and_(outbox.c.not_before > now, outbox.c.waiting_since <= now)
    waiting = and_(pages, WAITING, outbox.c.channel == channel, wanted)
    return (await tx.execute(update(outbox).where(waiting).values(not_before=now))).rowcount


async def reschedule(tx: AsyncConnection, messages: Sequence[OutboxMessage]) -> None:
    """Give waiting messages another `not_before` and `deadline`; wanted since then."""
    for it in messages:
        moved = {"not_before": it.not_before, "waiting_since": it.not_before}
        which = and_(outbox.c.id == it.id, WAITING)
        await tx.execute(update(outbox).where(which).values(moved | {"deadline": it.deadline}))


async def record_carried(
    tx: AsyncConnection, keys: Collection[str], *, provider_id: str, sent_at: datetime
) -> list[OutboxMessage]:
    """Note that the waiting pages with these keys went out within another message."""
    if not keys:
        return []
    facts = {"provider_id": provider_id, "sent_at": sent_at, "error": ""}
    carried = update(outbox).where(outbox.c.key.in_(sorted(keys)), WAITING)
    carried = carried.values(status=DeliveryStatus.SENT, **facts)
    return [read(row) for row in (await tx.execute(carried.returning(*FIELDS))).all()]


async def record_sent(
    tx: AsyncConnection,
    message: OutboxMessage,
    *,
    status: DeliveryStatus,
    provider_id: str,
    sent_at: datetime,
) -> bool:
    """Note that the provider took a claimed message; `status` is SENT or already DELIVERED.

    False: the claim is no longer held, and nothing changed. A page that was cancelled
    meanwhile stays so and keeps the proof; a room that was armed meanwhile goes on waiting.
    """
    proof = {"provider_id": provider_id, "sent_at": sent_at, "error": "", "doubted": False}
    return await _record(tx, message, status=status, **proof)


async def record_retry(
    tx: AsyncConnection,
    message: OutboxMessage,
    *,
    not_before: Steady,
    error: str,
    doubted: bool = False,
) -> bool:
    """Note that a claimed message is to be tried again at `not_before`; False as above.

    doubted: the provider may have it. That stays so until it is known to be sent.
    """
    again, more = DeliveryStatus.WAITING, {"doubted": True} if doubted else {}
    return await _record(tx, message, status=again, not_before=not_before, error=error, **more)


async def record_failed(tx: AsyncConnection, message: OutboxMessage, *, error: str) -> bool:
    """Note that a claimed message failed for good; False as above."""
    return await _record(tx, message, status=DeliveryStatus.FAILED, error=error, doubted=False)


async def _record(
    tx: AsyncConnection, message: OutboxMessage, *, status: DeliveryStatus, **facts: Any
) -> bool:
    current = outbox.c.revision == message.revision
    values = facts | {
        "status": case(
            (and_(WAITING, current), literal(status, outbox.c.status.type)), else_=outbox.c.status
        ),
        "attempts": case((current, outbox.c.attempts), else_=0),
        "leased_by": None,
        "leased_until": None,
    }
    return (await tx.execute(update(outbox).where(_held(message)).values(values))).rowcount > 0


def _held(message: OutboxMessage) -> ColumnElement[bool]:
    """Hold where the claim that took `message` is still the one that counts."""
    same = and_(outbox.c.id == message.id, outbox.c.claim == message.claim)
    return and_(same, outbox.c.leased_until.is_not(None))


async def record_outcome(
    tx: AsyncConnection, id: OutboxId, status: DeliveryStatus, error: str = ""
) -> bool:
    """Note what was learnt later of a message that was taken: DELIVERED, FAILED, UNPROVEN.

    An old or late word changes nothing: DELIVERED and FAILED are final. False: unchanged.
    """
    open_ends = (DeliveryStatus.SENT, DeliveryStatus.UNPROVEN)
    taken = and_(outbox.c.id == id, outbox.c.status.in_(open_ends), outbox.c.status != status)
    learnt = update(outbox).where(taken).values(status=status, error=error)
    return (await tx.execute(learnt)).rowcount > 0


async def cancel(tx: AsyncConnection, id: OutboxId) -> bool:
    """Cancel one waiting message, also one that is being sent; False where none waits."""
    return await _cancel(tx, outbox.c.id == id) > 0


async def cancel_pages(tx: AsyncConnection, incident: IncidentId) -> int:
    """Cancel an incident's waiting pages, also those being sent; return how many there were."""
    return await cancel_pages_of(tx, [incident])


async def cancel_pages_of(tx: AsyncConnection, incidents: Collection[IncidentId]) -> int:
    """Cancel the waiting pages of many incidents; return how many there were."""
    cancelled = 0
    for some in chunks(incidents):
        pages = and_(outbox.c.incident.in_(some), outbox.c.purpose == Purpose.PAGE)
        cancelled += await _cancel(tx, pages)
    return cancelled


async def _cancel(tx: AsyncConnection, which: Any) -> int:
    # The lease stays: what is on its way is on its way, and its proof is worth keeping.
    cancelled = update(outbox).where(which, WAITING).values(status=DeliveryStatus.CANCELLED)
    return (await tx.execute(cancelled)).rowcount


async def release(tx: AsyncConnection, owner: str | None = None) -> int:
    """End the leases of `owner`, or of everyone: what a crashed predecessor held is due again.

    It is `doubted` from now on: the provider may have it. Everyone's only while this instance
    is the only one. Returns how many were held.
    """
    freed = update(outbox).where(outbox.c.leased_until.is_not(None))
    if owner is not None:
        freed = freed.where(outbox.c.leased_by == owner)
    values = {"leased_by": None, "leased_until": None, "doubted": True}
    return (await tx.execute(freed.values(values))).rowcount


async def overdue(tx: AsyncConnection, now: Steady) -> list[OutboxMessage]:
    """Return waiting pages whose deadline has passed, also those being sent; longest first."""
    late = and_(WAITING, outbox.c.purpose == Purpose.PAGE, outbox.c.deadline <= now)
    return await select_messages(tx, late, order=outbox.c.deadline)


async def unproven(
    tx: AsyncConnection,
    *,
    channels: Collection[str],
    sent_after: datetime | None = None,
    sent_before: datetime | None = None,
    limit: int = 100,
) -> list[OutboxMessage]:
    """Return what was taken by `channels` and has a provider's id but no proof yet, oldest first.

    Sent in [sent_after, sent_before).
    """
    taken = and_(SENT, outbox.c.provider_id != "")
    asked = and_(taken, outbox.c.channel.in_(sorted(channels)))
    if sent_after is not None:
        asked &= outbox.c.sent_at >= sent_after
    if sent_before is not None:
        asked &= outbox.c.sent_at < sent_before
    return await select_messages(tx, asked, order=outbox.c.sent_at, limit=limit)


async def get(tx: AsyncConnection, id: OutboxId) -> OutboxMessage | None:
    """Return one message as it stands."""
    found = await get_many(tx, [id])
    return found[0] if found else None


async def by_provider(tx: AsyncConnection, channel: str, provider_id: str) -> list[OutboxMessage]:
    """Return the messages that a provider knows by this id: none of ours, one, or many at once."""
    same = and_(outbox.c.provider_id == provider_id, outbox.c.channel == channel)
    return await select_messages(tx, same) if provider_id else []


async def get_many(tx: AsyncConnection, ids: Collection[OutboxId]) -> list[OutboxMessage]:
    """Return messages as they stand, at most as many as an IN-list takes."""
    return await select_messages(tx, outbox.c.id.in_(sorted(ids)))


async def by_keys(tx: AsyncConnection, keys: Collection[str]) -> dict[str, OutboxMessage]:
    """Return the messages that have these keys."""
    found = await select_messages(tx, outbox.c.key.in_(sorted(keys))) if keys else []
    return {message.key: message for message in found}


async def of_incident(tx: AsyncConnection, id: IncidentId) -> list[OutboxMessage]:
    """Return everything that was ever owed for an incident, in the order it was decided."""
    return await select_messages(tx, outbox.c.incident == id)


async def pages_of_step(
    tx: AsyncConnection, incident: IncidentId, round: int, step: int
) -> list[OutboxMessage]:
    """Return the pages of one escalation step, in the order they were decided."""
    same = and_(outbox.c.incident == incident, outbox.c.round == round, outbox.c.step == step)
    return await select_messages(tx, and_(same, outbox.c.purpose == Purpose.PAGE))


async def select_messages(
    tx: AsyncConnection,
    which: ColumnElement[bool],
    *,
    order: ColumnElement[Any] = outbox.c.id,
    limit: int | None = None,
) -> list[OutboxMessage]:
    """Return the messages that a condition holds for; for the modules of this table."""
    query = select(*FIELDS).where(which).order_by(order, outbox.c.id).limit(limit)
    return [read(row) for row in await tx.execute(query)]


async def spent(tx: AsyncConnection, channel: str, since: datetime) -> Counter[PersonId]:
    """Count the messages that a channel took since then, by person; what went as one is one."""
    once = func.count(outbox.c.provider_id.distinct())
    to = and_(outbox.c.channel == channel, outbox.c.person.is_not(None))
    which = and_(to, outbox.c.sent_at >= since, outbox.c.provider_id != "")
    query = select(outbox.c.person, once).where(which).group_by(outbox.c.person)
    return Counter({person: count for person, count in await tx.execute(query)})


async def next_due(tx: AsyncConnection) -> Steady | None:
    """Return when the next message can be claimed; a leased one when its lease ends."""
    leased = outbox.c.leased_until > outbox.c.not_before
    claimable = case((leased, outbox.c.leased_until), else_=outbox.c.not_before)
    return _steady(await tx.scalar(select(func.min(claimable)).where(WAITING)))


async def next_deadline(tx: AsyncConnection) -> Steady | None:
    """Return when the next waiting page is overdue."""
    pages = and_(WAITING, outbox.c.purpose == Purpose.PAGE)
    return _steady(await tx.scalar(select(func.min(outbox.c.deadline)).where(pages)))


async def oldest_waiting(tx: AsyncConnection) -> Steady | None:
    """Return since when the longest unsent message is wanted; back-off does not move it."""
    return _steady(await tx.scalar(select(func.min(outbox.c.waiting_since)).where(WAITING)))


def _steady(value: float | None) -> Steady | None:
    return None if value is None else Steady(value)


async def counts(tx: AsyncConnection) -> dict[DeliveryStatus, int]:
    """Return how many messages stand in each status, zeros included."""
    each = (outbox.c.purpose, outbox.c.status)  # as the index stands; the table is not read
    counted = dict.fromkeys(DeliveryStatus, 0)
    for _, status, count in await tx.execute(select(*each, func.count()).group_by(*each)):
        counted[status] += count
    return counted
