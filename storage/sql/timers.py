"""Timers as rows: set, cancel, claim what is due, forget what was done."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.clock import Steady
from storage.model.incident import IncidentId
from storage.model.timer import Timer, TimerKind
from storage.sql.rows import as_row, chunks, upsert
from storage.sql.schema import timers

FIELDS = [timers.c[name] for name in ("incident", "kind", "due_at", "round", "step")]


def _timer(row: Any) -> Timer:
    return Timer(**row._mapping)


async def set_timer(tx: AsyncConnection, timer: Timer) -> None:
    """Set the incident's timer of this kind, or move it; nobody's lease holds the moved one."""
    await set_many(tx, [timer])


async def set_many(tx: AsyncConnection, new: Sequence[Timer]) -> None:
    """Set many timers at once; of two for the same incident and kind the last counts."""
    last = {(timer.incident, timer.kind): timer for timer in new}
    rows = [as_row(timer) for timer in last.values()]
    await upsert(tx, timers, rows, leased_by=None, leased_until=None)


async def cancel(tx: AsyncConnection, incidents: Collection[IncidentId], kind: TimerKind) -> None:
    """Forget the timer of this kind of each incident, where there is one."""
    for some in chunks(incidents):
        which = timers.c.incident.in_(some)
        await tx.execute(delete(timers).where(which, timers.c.kind == kind))


async def claim_due(
    tx: AsyncConnection, *, owner: str, now: Steady, lease: float, limit: int
) -> list[Timer]:
    """Lease up to `limit` due timers to `owner` for `lease` seconds, the longest overdue first.

    A crashed owner's timers come back when the lease ends. Replicas never claim the same
    timer: on PostgreSQL locked rows are skipped, on SQLite writers take turns.
    """
    free = or_(timers.c.leased_until.is_(None), timers.c.leased_until <= now)
    due = (
        select(timers.c.incident, timers.c.kind)
        .where(timers.c.due_at <= now, free)
        .order_by(timers.c.due_at, timers.c.incident)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).cte("due")
    claim = (
        update(timers)
        .where(tuple_(timers.c.incident, timers.c.kind).in_(select(due)))
        .values(leased_by=owner, leased_until=now + lease)
        .returning(*FIELDS)
    )
    claimed = map(_timer, (await tx.execute(claim)).all())
    return sorted(claimed, key=lambda timer: (timer.due_at, timer.incident))


async def done(tx: AsyncConnection, timer: Timer) -> None:
    """Forget a claimed timer, unless it was set anew meanwhile."""
    same = (timers.c.incident == timer.incident) & (timers.c.kind == timer.kind)
    await tx.execute(delete(timers).where(same, timers.c.due_at == timer.due_at))


async def release(tx: AsyncConnection, owner: str | None = None) -> int:
    """End the leases of `owner`, or of everyone: what a crashed predecessor held is due again.

    Everyone's only while this instance is the only one. Returns how many were held.
    """
    freed = update(timers).where(timers.c.leased_until.is_not(None))
    if owner is not None:
        freed = freed.where(timers.c.leased_by == owner)
    return (await tx.execute(freed.values(leased_by=None, leased_until=None))).rowcount


async def next_due(tx: AsyncConnection) -> Steady | None:
    """Return when the next timer can be claimed; a leased one when its lease ends."""
    ends = func.coalesce(timers.c.leased_until, timers.c.due_at)
    soonest = await tx.scalar(select(func.min(ends)))
    return None if soonest is None else Steady(soonest)


async def of_incident(tx: AsyncConnection, id: IncidentId) -> list[Timer]:
    """Return an incident's timers, the next one first."""
    return (await of_incidents(tx, [id]))[id]


async def of_incidents(
    tx: AsyncConnection, ids: Collection[IncidentId]
) -> dict[IncidentId, list[Timer]]:
    """Return the timers of each of `ids`, the next one first."""
    found: dict[IncidentId, list[Timer]] = {id: [] for id in ids}
    for some in chunks(found):
        query = select(*FIELDS).where(timers.c.incident.in_(some)).order_by(timers.c.due_at)
        for timer in map(_timer, await tx.execute(query)):
            found[timer.incident].append(timer)
    return found
