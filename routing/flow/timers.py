"""What is due by now happens: due timers become events."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.carry_out import carry_out
from routing.flow.current import Current
from routing.flow.moment import decided, read_moment
from routing.flow.outlive import Outlive
from routing.flow.wake import Wake
from routing.incidents.events import (
    AckExpired,
    Calm,
    EscalationDue,
    Event,
    GroupReady,
    SnoozeEnded,
    UpdateDue,
)
from routing.incidents.machine import transition
from routing.playbook import Playbook
from storage.clock import Clock, Steady
from storage.errors import StorageUnavailable
from storage.model.incident import IncidentId
from storage.model.timer import Timer, TimerKind
from storage.sql import incidents, timers
from storage.sql.database import Database

log = structlog.get_logger()

LEASE = 30.0
AT_ONCE = 50
LONGEST_SLEEP = 1.0


def event_of(timer: Timer) -> Event:
    """Return what a timer's end means to the machine."""
    match timer.kind:
        case TimerKind.GROUP_READY:
            return GroupReady()
        case TimerKind.ESCALATE:
            return EscalationDue(timer.round, timer.step)
        case TimerKind.ACK_EXPIRES:
            return AckExpired(timer.round)
        case TimerKind.SNOOZE_ENDS:
            return SnoozeEnded(timer.round)
        case TimerKind.GROUP_UPDATE:
            return UpdateDue()
        case TimerKind.CALM:
            return Calm(timer.step)


class TimerLoop:
    """Turns due timers into events. One that comes late, or twice, changes nothing.

    owner: names this instance in leases; the same after a restart.
    turned_at: when the loop last went round; a watchman can see that it does.
    succeeded_at: when it last did all that was due; the database was there then.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        playbook: Current[Playbook],
        wake: Wake,
        owner: str,
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._wake, self._owner = playbook, wake, owner
        self._outlive = Outlive("timers", clock)
        self.turned_at: Steady = clock.steady()
        self.succeeded_at: Steady = clock.steady()

    async def take_over(self) -> int:
        """End the leases that this owner held before a crash; return how many there were."""
        async with self._database.transaction() as tx:
            return await timers.release(tx, self._owner)

    async def run_due(self) -> int:
        """Let happen what is due; return how many timers it was."""
        self.turned_at = self._clock.steady()
        count = 0
        while claimed := await self._claim():
            count += len(claimed)
            while claimed:
                # One event for an incident at a time: the second decides on what the first left.
                batch = list({timer.incident: timer for timer in reversed(claimed)}.values())
                claimed = [timer for timer in claimed if timer not in batch]
                await self._fire_all(batch)
        self.succeeded_at = self._clock.steady()
        return count

    async def _claim(self) -> list[Timer]:
        async with self._database.transaction() as tx:
            return await timers.claim_due(
                tx, owner=self._owner, now=self._clock.steady(), lease=LEASE, limit=AT_ONCE
            )

    async def _fire_all(self, batch: Sequence[Timer]) -> None:
        """Fire together; should one of them be impossible, each alone, so that the others go on."""
        try:
            await self._fire(batch)
        except StorageUnavailable:
            raise
        except Exception:
            for timer in batch:
                try:
                    await self._fire([timer])
                except StorageUnavailable:
                    raise
                except Exception:
                    log.exception("timer failed", incident=timer.incident, kind=timer.kind.value)

    async def _fire(self, batch: Sequence[Timer]) -> None:
        self._wake.committed(await decided(self._database, partial(self._decide, batch)))

    async def _decide(self, batch: Sequence[Timer], tx: AsyncConnection) -> list[IncidentId]:
        moment = await read_moment(tx, self._clock, self._playbook)
        found = await incidents.get_many(tx, [timer.incident for timer in batch])
        decisions = []
        for timer in batch:
            await timers.done(tx, timer)
            if timer.incident in found:
                incident = found[timer.incident]
                change = transition(incident, event_of(timer), moment.now)
                decisions.append(moment.follow(incident, change))
        saved = await carry_out(tx, decisions, moment, actor="tocsin", via="timer")
        return [incident.id for incident in saved]

    async def run(self) -> None:
        """Let things happen for as long as the program runs; first what a crash left."""
        await self._outlive(self.take_over)
        while True:
            self._wake.timers.clear()
            if not await self._outlive(self.run_due):
                await self._sleep()

    async def _sleep(self) -> None:
        """Wait for the bell, or until the next timer is due."""
        now = self._clock.steady()
        due = await self._next_due()
        gap = LONGEST_SLEEP if due is None or due <= now else min(LONGEST_SLEEP, due - now)
        with suppress(TimeoutError):
            async with asyncio.timeout(gap):
                await self._wake.timers.wait()

    async def _next_due(self) -> Steady | None:
        try:
            async with self._database.reading() as tx:
                return await timers.next_due(tx)
        except StorageUnavailable:
            return None
