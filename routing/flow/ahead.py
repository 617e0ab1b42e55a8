"""Reads what is due for an incident: its timers, what waits to be sent, who is on call then."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.incidents.ahead import Due, ahead
from routing.oncall.expand import Roster
from routing.playbook import Playbook
from storage.clock import Clock
from storage.model.incident import Incident
from storage.sql import outbox, overrides, timers


async def ahead_of(
    tx: AsyncConnection, incident: Incident, clock: Clock, playbook: Playbook
) -> tuple[Due, ...]:
    """Return what will happen to an incident and when, as things stand; nothing once it is over."""
    if not incident.status.is_open:
        return ()
    now, steady = clock.utc_now(), clock.steady()

    def wall(at: float) -> datetime:
        return now + timedelta(seconds=max(at - steady, 0.0))

    running = []
    for timer in await timers.of_incident(tx, incident.id):
        at = wall(timer.due_at)
        roster = Roster(playbook=playbook, overrides=await overrides.active(tx, at), now=at)
        running.append((timer, roster))
    return ahead(incident, running, await outbox.of_incident(tx, incident.id), playbook, wall)
