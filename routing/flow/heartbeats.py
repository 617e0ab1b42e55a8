"""Hears those who are expected to call, and raises the alarm for those who do not."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.current import Current
from routing.flow.receive import Receiver
from routing.heartbeats import SOURCE, alert_of, trouble_of
from routing.playbook import Playbook
from routing.rules.lifecycle import Now
from storage.clock import Clock
from storage.errors import UnknownHeartbeat
from storage.model.alert import Alert
from storage.model.heartbeat import Heartbeat, Pulse
from storage.model.labels import Labels
from storage.sql import heartbeats
from storage.sql.database import Database

LONGEST_SAID = 1_000


class Heartbeats:
    """Every heartbeat that the configuration names. What was heard is a row."""

    def __init__(
        self, database: Database, clock: Clock, playbook: Current[Playbook], receiver: Receiver
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._receiver = playbook, receiver
        self._known = True  # until a look finds that there are none
        self._started, self._turn = self._now(), asyncio.Lock()

    async def heard(self, name: str, *, failed: bool, said: str) -> None:
        """Take a call; when this returns it is on disk, and its alert is open or over.

        failed: it says that what it watches over failed.  said: what it has to say; may be empty.
        Raises UnknownHeartbeat, StorageUnavailable.
        """
        known = self._playbook().heartbeats
        if name not in known:
            raise UnknownHeartbeat(name, known)
        async with self._turn:
            now = self._now()
            async with self._database.reading() as tx:
                pulse = await heartbeats.get(tx, name) or _new(name, now)
            after = replace(pulse, failed=failed, said=said[:LONGEST_SAID])
            if not failed:
                after = replace(after, heard=now.steady, heard_at=now.wall)
            await self._settle([(known[name], after)], now, changed=[after])

    async def look(self) -> None:
        """Open the alerts of those who are late, and end those of whom nobody expects anything."""
        known = self._playbook().heartbeats
        if not known and not self._known:
            return
        async with self._turn:
            now = self._now()
            async with self._database.reading() as tx:
                pulses = await heartbeats.load_all(tx)
            new = [_new(name, now) for name in known if name not in pulses]
            pulses |= {pulse.name: pulse for pulse in new}
            every = [(it, pulses[name]) for name, it in known.items()]
            await self._settle(every, now, changed=new)
            self._known = bool(known)
            await self._forget([it for name, it in pulses.items() if name not in known], now)

    async def _settle(
        self, every: Sequence[tuple[Heartbeat, Pulse]], now: Now, changed: Sequence[Pulse]
    ) -> None:
        """Let each have the alert that it should have, in one transaction with what was heard."""
        save = {pulse.name: pulse for pulse in changed}
        alerts = list[Alert]()
        for heartbeat, pulse in every:
            trouble = trouble_of(heartbeat, pulse, now, self._started)
            if trouble == pulse.alarmed.get("alertname"):
                continue
            alerts += _over(pulse, now)
            opened = alert_of(heartbeat, pulse, trouble, now.wall) if trouble else None
            alerts += [opened] if opened else []
            save[pulse.name] = replace(pulse, alarmed=opened.labels if opened else Labels())
        if not save:
            return

        async def also(tx: AsyncConnection) -> None:
            await heartbeats.save_many(tx, list(save.values()))

        await self._receiver.receive(alerts, also=also)

    async def _forget(self, gone: Sequence[Pulse], now: Now) -> None:
        if not gone:
            return
        over = [alert for pulse in gone for alert in _over(pulse, now)]

        async def also(tx: AsyncConnection) -> None:
            await heartbeats.forget(tx, [it.name for it in gone])

        await self._receiver.receive(over, also=also)

    def _now(self) -> Now:
        return Now(wall=self._clock.utc_now(), steady=self._clock.steady())


def _new(name: str, now: Now) -> Pulse:
    return Pulse(name=name, since=now.steady, since_at=now.wall)


def _over(pulse: Pulse, now: Now) -> list[Alert]:
    """Return the end of the alert that is open, if one is."""
    if not pulse.alarmed:
        return []
    alert = Alert(labels=pulse.alarmed, starts_at=now.wall, source=SOURCE)
    return [alert.resolved_at(now.wall)]
