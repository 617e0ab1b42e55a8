"""Scheduled reports: how far each schedule was looked at, and what came due."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.clock import Steady
from storage.model.report_run import ReportRun, RunStatus
from storage.sql.rows import as_row, insert
from storage.sql.schema_reports import report_runs, report_schedules


async def looked_at(tx: AsyncConnection) -> dict[str, datetime]:
    """Return of each schedule up to which moment it was looked at."""
    rows = await tx.execute(select(report_schedules.c.key, report_schedules.c.at))
    return {row.key: row.at for row in rows}


async def begin(tx: AsyncConnection, key: str, at: datetime) -> None:
    """Begin to look at a schedule; nothing where somebody has already."""
    once = insert(tx, report_schedules).on_conflict_do_nothing(index_elements=["key"])
    await tx.execute(once, [{"key": key, "at": at}])


async def move_on(tx: AsyncConnection, key: str, seen: datetime, at: datetime) -> bool:
    """Note that a schedule was looked at; False where another was faster."""
    table = report_schedules
    moved = update(table).where(table.c.key == key, table.c.at == seen).values(at=at)
    return bool((await tx.execute(moved)).rowcount)


async def drop(tx: AsyncConnection, keys: Collection[str]) -> None:
    """Forget schedules that are no longer there."""
    if keys:
        await tx.execute(delete(report_schedules).where(report_schedules.c.key.in_(keys)))


async def owe(tx: AsyncConnection, run: ReportRun) -> bool:
    """Owe a report, once: False where its key is known already."""
    once = insert(tx, report_runs).on_conflict_do_nothing(index_elements=["key"])
    return bool((await tx.execute(once.returning(report_runs.c.key), [_row(run)])).scalar())


async def claim(tx: AsyncConnection, now: Steady, hold: float) -> ReportRun | None:
    """Take the report that is owed for longest, and hold it for `hold` seconds; None: none is."""
    table = report_runs.c
    due = (
        select(report_runs)
        .where(table.status == RunStatus.WAITING, table.not_before <= now)
        .order_by(table.due_at, table.key)
        .limit(1)
    )
    row = (await tx.execute(due)).first()
    if row is None:
        return None
    taken = {"attempts": row.attempts + 1, "not_before": now + hold}
    mine = (table.key == row.key, table.attempts == row.attempts)
    held = await tx.execute(update(report_runs).where(*mine).values(taken))
    return _run({**row._mapping, **taken}) if held.rowcount else None


async def record(tx: AsyncConnection, run: ReportRun, **changes: Any) -> bool:
    """Note what became of a try; False where another try holds the report now."""
    mine = (report_runs.c.key == run.key, report_runs.c.attempts == run.attempts)
    waiting = report_runs.c.status == RunStatus.WAITING
    return bool(
        (await tx.execute(update(report_runs).where(*mine, waiting).values(changes))).rowcount
    )


async def body_of(tx: AsyncConnection, key: str) -> str:
    """Return a finished report; empty where there is none."""
    found = await tx.scalar(select(report_runs.c.body).where(report_runs.c.key == key))
    return str(found or "")


async def latest(tx: AsyncConnection, limit: int) -> Sequence[ReportRun]:
    """Return the newest reports that came due."""
    newest = select(report_runs).order_by(report_runs.c.due_at.desc(), report_runs.c.key)
    return [_run(row._mapping) for row in await tx.execute(newest.limit(limit))]


async def expire(tx: AsyncConnection, before: datetime) -> None:
    """Delete what came due before that."""
    await tx.execute(delete(report_runs).where(report_runs.c.due_at < before))


def _row(run: ReportRun) -> dict[str, Any]:
    return as_row(run, "to") | {"to": tuple(part for pair in run.to for part in pair)}


def _run(row: Any) -> ReportRun:
    parts = row["to"]
    pairs = tuple(zip(parts[::2], parts[1::2], strict=True))
    return ReportRun(**{**row, "to": pairs})
