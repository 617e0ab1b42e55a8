"""Reports on a schedule: what comes due is a row, made once and owed to everyone who gets it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.reports.publish import built, finished, read_order
from routing.delivery import body, report
from routing.delivery.channel import Message
from routing.delivery.compose import trouble_message
from routing.delivery.letters import trouble_letters
from routing.delivery.report import Finished
from routing.flow.current import Current
from routing.flow.desks import Desks
from routing.flow.wake import Wake
from routing.recurrence import Recurrence
from storage.clock import Steady
from storage.errors import BotError, StorageUnavailable
from storage.model.alert import Severity
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.model.report_run import ReportRun, RunStatus
from storage.sql import audit, outbox, reports

log = structlog.get_logger(__name__)

HOLD = 180.0
"""Seconds that a try holds a report; a crashed one is made again after that."""
MOST_TRIES, FIRST_GAP = 6, 30.0
KEPT = timedelta(days=7)
LATE = timedelta(minutes=10)
"""A report that comes later than this after its time says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A report that comes again and again.

    words: what is ordered, such as `performance checkout 24h`.
    to:    (channel, address) of everyone who gets it.
    late:  how long after its time it is still worth sending.
    """

    words: str
    recurrence: Recurrence
    to: tuple[tuple[str, str], ...]
    late: timedelta

    @property
    def key(self) -> str:
        """What it is: another time or another room makes another schedule."""
        told = [self.words, self.recurrence.cron, self.recurrence.timezone]
        told += [part for pair in self.to for part in pair]
        return sha256("\0".join(told).encode()).hexdigest()[:16]


class Schedules:
    """Looks what is due, makes it, and puts it into the outbox."""

    def __init__(self, desks: Desks, schedules: Current[tuple[Schedule, ...]], wake: Wake) -> None:
        self._desks, self._schedules, self._wake = desks, schedules, wake
        self._database, self._clock = desks.database, desks.clock

    async def tick(self) -> None:
        """Do all that is due now; raises StorageUnavailable."""
        await self._look()
        while (run := await self._claim()) is not None:
            await self._make(run)

    async def _look(self) -> None:
        """Note what came due since the last look."""
        now, wanted = self._clock.utc_now(), {it.key: it for it in self._schedules()}
        async with self._database.reading() as tx:
            seen = await reports.looked_at(tx)
        if not wanted.keys() ^ seen.keys() and not any(
            _due(it, seen[key], now) for key, it in wanted.items()
        ):
            return
        async with self._database.transaction() as tx:
            seen = await reports.looked_at(tx)
            await reports.drop(tx, seen.keys() - wanted.keys())
            for key, schedule in wanted.items():
                if key not in seen:
                    await reports.begin(tx, key, now)
                elif (due := _due(schedule, seen[key], now)) is not None:
                    await self._came_due(tx, schedule, seen[key], due, now)

    async def _came_due(
        self, tx: AsyncConnection, schedule: Schedule, seen: datetime, due: datetime, now: datetime
    ) -> None:
        if not await reports.move_on(tx, schedule.key, seen, now):
            return
        if now - due > schedule.late:
            log.warning("a report is too late to be sent", report=schedule.words, due=str(due))
            because = f"report {schedule.words} of {due:%d %b %H:%M} UTC: too late to be sent"
            await self._record(tx, "report skipped", because)
            return
        await reports.expire(tx, now - KEPT)
        run = ReportRun(
            key=f"report/{schedule.key}/{due:%Y-%m-%dT%H:%M}Z",
            words=schedule.words,
            to=schedule.to,
            due_at=due,
            zone=schedule.recurrence.timezone,
            not_before=self._clock.steady(),
        )
        await reports.owe(tx, run)

    async def _claim(self) -> ReportRun | None:
        now = self._clock.steady()
        async with self._database.reading() as tx:
            if not any(
                it.status is RunStatus.WAITING and it.not_before <= now
                for it in await reports.latest(tx, 50)
            ):
                return None
        async with self._database.transaction() as tx:
            return await reports.claim(tx, now, HOLD)

    async def _make(self, run: ReportRun) -> None:
        """Make a report, and owe it to everyone in the transaction that keeps it."""
        try:
            order, _ = read_order(run.words.split())
            made = await built(order, self._desks, run.due_at)
            told = finished(order, made, at=self._clock.utc_now(), notes=self._moment(run))
        except StorageUnavailable:
            raise
        except BotError as error:
            await self._failed(run, str(error))
            return
        text = await asyncio.to_thread(report.write, told)
        async with self._database.transaction() as tx:
            if await reports.record(tx, run, status=RunStatus.MADE, body=text):
                await outbox.enqueue_many(tx, self._letters(run, told))
        log.info("report made", report=run.words, due=str(run.due_at), to=len(run.to))
        self._wake.sender.set()

    async def _failed(self, run: ReportRun, reason: str) -> None:
        """Try again later; after the last try everyone hears that there is none, and why."""
        log.warning("report not made", report=run.words, attempts=run.attempts, reason=reason)
        now = self._clock.steady()
        if run.attempts < MOST_TRIES:
            later = Steady(now + FIRST_GAP * 2.0 ** (run.attempts - 1))
            async with self._database.transaction() as tx:
                await reports.record(tx, run, not_before=later)
            return
        told = Finished(
            title=f"Report {run.words}",
            headline="The report could not be made.",
            notes=(reason, *self._moment(run)),
            at=self._clock.utc_now(),
        )
        playbook = self._desks.playbook()
        trouble = trouble_message(f"The report {run.words} could not be made", reason, playbook)
        admins = trouble_letters(
            f"report/{run.words}", trouble, playbook, avoid="", now=told.at, steady=now
        )
        async with self._database.transaction() as tx:
            if await reports.record(tx, run, status=RunStatus.FAILED, body=report.write(told)):
                await outbox.enqueue_many(tx, [*self._letters(run, told), *admins])
                await self._record(tx, "report failed", f"report {run.words}: {reason}")
        self._wake.sender.set()

    def _moment(self, run: ReportRun) -> tuple[str, ...]:
        """Say of which moment a late report is."""
        if self._clock.utc_now() - run.due_at <= LATE:
            return ()
        due = run.due_at.astimezone(ZoneInfo(run.zone))
        return (f"Late: this was due {due:%a %d %b at %H:%M} ({run.zone}), and is of that moment.",)

    def _letters(self, run: ReportRun, told: Finished) -> Sequence[OutboxMessage]:
        message = Message(
            purpose=Purpose.REPORT,
            title=told.title,
            summary=told.headline,
            severity=Severity.INFORMATIONAL,
            report=run.key,
        )
        now = self._clock.steady()
        return [
            OutboxMessage(
                id=OutboxId(0),
                key=f"{run.key}/{channel}/{address}",
                purpose=Purpose.REPORT,
                severity=Severity.INFORMATIONAL,
                incident=None,
                person=None,
                round=0,
                step=0,
                channel=channel,
                address=address,
                body=body.write(message),
                not_before=now,
                created_at=told.at,
            )
            for channel, address in run.to
        ]

    async def _record(self, tx: AsyncConnection, what: str, because: str) -> None:
        await audit.append(
            tx,
            incident=None,
            at=self._clock.utc_now(),
            actor="tocsin",
            via="schedule",
            what=what,
            because=because,
        )


def _due(schedule: Schedule, seen: datetime, now: datetime) -> datetime | None:
    """Return the last time that came since `seen`; of those missed long ago the first is enough."""
    if now <= seen:  # the clock was set back: what was sent is not sent again
        return None
    begin = max(seen, now - schedule.late)
    due = schedule.recurrence.last_between(begin, now)
    if due is not None or begin == seen:
        return due
    first = schedule.recurrence.next_after(seen)
    return first if first is not None and first <= now else None
