"""Once a day it is told what is silenced, so that nothing stays quiet because it was forgotten."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.windows import span_at
from routing.delivery.letters import admin_letters, room_letters
from routing.delivery.reminder import reminder_message
from routing.flow.current import Current
from routing.flow.silence import hiding
from routing.flow.wake import Wake
from routing.playbook import Playbook, Reminder
from storage.clock import Clock
from storage.model.delivery import OutboxMessage
from storage.sql import meta, outbox
from storage.sql.database import Database

SEEN = "silences.reminded"
LATE = timedelta(hours=12)
"""How long after its time it is still told, where Tocsin was down."""


class SilenceReminder:
    """Looks whether it is time, and owes the word; each time once, whoever looks, however often."""

    def __init__(
        self, database: Database, clock: Clock, playbook: Current[Playbook], wake: Wake
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._wake = playbook, wake

    async def look(self) -> int:
        """Tell what is silenced where its time has come; return how many messages that makes."""
        reminder, now = self._playbook().reminder, self._clock.utc_now()
        if reminder is None:
            return 0
        async with self._database.reading() as tx:
            seen = await meta.get(tx, SEEN)
        if seen is not None and _due(reminder, seen, now) is None:
            return 0
        async with self._database.transaction() as tx:
            letters = await self._letters(tx, reminder, now)
            new = await outbox.enqueue_many(tx, letters)
            await meta.put(tx, SEEN, now.isoformat())
        if new:
            self._wake.sender.set()
        return len(new)

    async def _letters(
        self, tx: AsyncConnection, reminder: Reminder, now: datetime
    ) -> Sequence[OutboxMessage]:
        seen = await meta.get(tx, SEEN)
        due = None if seen is None else _due(reminder, seen, now)
        if due is None or now - due > LATE:
            return ()
        playbook, steady = self._playbook(), self._clock.steady()
        found = await hiding(tx, now, playbook.maintenance)
        quiet = [(it, count) for it, count in found.each if span_at(it, now)]
        if not quiet:
            return ()
        message = reminder_message(quiet, found.alerts, playbook.people, now, playbook.console)
        fact = f"silences/{due:%Y-%m-%dT%H:%M}Z"
        if reminder.to:
            return room_letters(fact, message, reminder.to, now=now, steady=steady)
        return admin_letters(fact, message, playbook, avoid="", now=now, steady=steady)


def _due(reminder: Reminder, seen: str, now: datetime) -> datetime | None:
    """Return the newest time that came since the last look at `seen`, if one did."""
    since = datetime.fromisoformat(seen)
    first = reminder.recurrence.next_after(since)
    if first is None or first > now:
        return None
    return reminder.recurrence.last_between(max(since, now - 2 * LATE), now)
