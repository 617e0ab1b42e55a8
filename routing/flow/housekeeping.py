"""Keeps order: old rows go, and an incident that could never ring again is found."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.carry_out import timer_of
from routing.flow.current import Current
from routing.flow.moment import Moment, decided, read_moment
from routing.flow.parts import parts
from routing.flow.wake import Wake
from routing.incidents.effects import SetTimer
from routing.incidents.flapping import calm_timer
from routing.playbook import Playbook
from storage.clock import Clock
from storage.model.incident import Incident, IncidentId, Status
from storage.model.timer import Timer, TimerKind
from storage.sql import audit, incidents, timers
from storage.sql import housekeeping as old_rows
from storage.sql.database import Database

log = structlog.get_logger()

KEEP = timedelta(days=90)
AT_ONCE = 500
"""Rows that are deleted, or incidents that are looked at, in one go."""
NOW = timedelta(0)


def missing_timer(incident: Incident, running: Sequence[Timer], moment: Moment) -> SetTimer | None:
    """Return the timer that an open incident lacks; None where all is well. Never seen to happen.

    Without it the incident would stay silent for good: the promise that it rings on is kept by
    the timer alone. One set for a step or a round that is over is as good as none.
    """
    here, following = incident.round, incident.step + 1
    kinds = {timer.kind for timer in running if timer.round == here}
    rings = any(timer.kind is TimerKind.ESCALATE and timer.step == following for timer in running)
    match incident.status:
        case Status.GATHERING if TimerKind.GROUP_READY not in kinds:
            return SetTimer(TimerKind.GROUP_READY, NOW)
        case Status.ACKNOWLEDGED if TimerKind.ACK_EXPIRES not in kinds:
            return SetTimer(TimerKind.ACK_EXPIRES, incident.policy.ack_timeout, here)
        case Status.SNOOZED if TimerKind.SNOOZE_ENDS not in kinds:
            left = (incident.snoozed_until or moment.now) - moment.now
            return SetTimer(TimerKind.SNOOZE_ENDS, max(NOW, left), here)
        case Status.TRIGGERED if incident.severity.escalates or incident.policy.repeat_interval:
            if TimerKind.ESCALATE not in kinds or not rings:
                return SetTimer(TimerKind.ESCALATE, NOW, here, following)
    if not any(timer.kind is TimerKind.CALM for timer in running):
        return calm_timer(incident)
    return None


class Housekeeper:
    """Runs now and then, beside the work."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        playbook: Current[Playbook],
        wake: Wake,
        *,
        keep: timedelta = KEEP,
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._wake, self._keep = playbook, wake, keep

    async def tidy(self) -> int:
        """Delete what ended longer ago than `keep`, little by little; return how many rows.

        The record of who did what stays.
        """
        before = self._clock.utc_now() - self._keep
        deleted = 0
        while True:
            async with self._database.transaction() as tx:
                some = await old_rows.delete_before(tx, before, AT_ONCE)
            deleted += some
            if not some:
                return deleted

    async def inspect(self) -> int:
        """Find open incidents that could never ring again and give them their timer, loudly.

        Returns how many were found; anything but 0 is a fault of the program.
        """
        async with self._database.reading() as tx:
            moment = await read_moment(tx, self._clock, self._playbook)
            every = await incidents.search(tx, statuses=OPEN, limit=None)
            suspects = list(await _missing(tx, every, moment))
        if not suspects:
            return 0

        async def work(tx: AsyncConnection) -> list[IncidentId]:
            return await self._mend(tx, suspects)

        mended = await decided(self._database, work)
        self._wake.committed(mended)
        return len(mended)

    async def _mend(self, tx: AsyncConnection, suspects: Sequence[IncidentId]) -> list[IncidentId]:
        """Look again, now that nobody else writes, and set what is still missing."""
        moment = await read_moment(tx, self._clock, self._playbook)
        mended = []
        found = list((await incidents.get_many(tx, suspects)).values())
        for id, effect in (await _missing(tx, found, moment)).items():
            await timers.set_timer(tx, timer_of(id, effect, moment.steady))
            because = f"its timer {effect.kind.value!r} was missing and has been set again"
            await audit.append(
                tx,
                incident=id,
                at=moment.now,
                actor="tocsin",
                via="housekeeping",
                what="mended",
                because=because,
            )
            log.error("incident could not ring", incident=id, because=because)
            mended.append(id)
        return mended


OPEN = tuple(status for status in Status if status.is_open)


async def _missing(
    tx: AsyncConnection, every: Sequence[Incident], moment: Moment
) -> dict[IncidentId, SetTimer]:
    """Return the timer that each incident lacks, of those that lack one."""
    found: dict[IncidentId, SetTimer] = {}
    for some in parts(every, AT_ONCE):
        running = await timers.of_incidents(tx, [it.id for it in some])
        lacking = ((it.id, missing_timer(it, running[it.id], moment)) for it in some)
        found |= {id: effect for id, effect in lacking if effect}
    return found
