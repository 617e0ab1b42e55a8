"""Somebody, or a timer, does something to an incident: load, decide, save."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.carry_out import carry_out
from routing.flow.current import Current
from routing.flow.moment import decided, read_moment
from routing.flow.wake import Wake
from routing.incidents.decide import Decision
from routing.incidents.events import Escalate, Event
from routing.incidents.machine import transition
from routing.playbook import Playbook
from storage.clock import Clock
from storage.errors import BotError, NotAllowed, UnknownIncident
from storage.model.delivery import DeliveryStatus, Purpose
from storage.model.incident import Incident, IncidentId
from storage.sql import audit, incidents, outbox
from storage.sql.database import Database

Answer = Incident | BotError
BREATH = 100
"""Incidents after which others get a turn."""


class IncidentDesk:
    """Where people answer. Besides it only alerts, timers and failover change an incident."""

    def __init__(
        self, database: Database, clock: Clock, playbook: Current[Playbook], wake: Wake
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._wake = playbook, wake

    async def apply(
        self, incident_id: IncidentId, event: Event, *, actor: str, via: str
    ) -> Incident:
        """Load, decide, save, in one transaction; nothing is sent while it is open.

        Raises UnknownIncident; NotAllowed when the status forbids `event` (the try stands in the
        record); StaleIncident after losing five races, each of which decided again.
        """
        answers = await self.apply_many([incident_id], event, actor=actor, via=via)
        answer = answers[incident_id]
        if isinstance(answer, BotError):
            raise answer
        return answer

    async def apply_many(
        self, ids: Sequence[IncidentId], event: Event, *, actor: str, via: str
    ) -> dict[IncidentId, Answer]:
        """Do the same to many incidents, in one transaction; return each one's answer.

        A refusal (NotAllowed, UnknownIncident) is a value and undoes none of the others.
        Raises StaleIncident after losing five races.
        """

        async def work(tx: AsyncConnection) -> dict[IncidentId, Answer]:
            return await self._apply(tx, list(dict.fromkeys(ids)), event, actor, via)

        answers = await decided(self._database, work)
        self._wake.committed(id for id, it in answers.items() if isinstance(it, Incident))
        return answers

    async def show_again(self, incident_id: IncidentId, channel: str, address: str) -> None:
        """Owe a room the incident's present state once more: what stands there is out of date."""
        async with self._database.transaction() as tx:
            owed = await outbox.of_incident(tx, incident_id)
            rows = [
                replace(it, status=DeliveryStatus.WAITING, error="")
                for it in owed
                if it.purpose is Purpose.ROOM
                and (it.channel, it.address) == (channel, address)
                and it.status is not DeliveryStatus.WAITING
            ]
            await outbox.arm_rooms(tx, rows)
        self._wake.committed([])

    async def _apply(
        self,
        tx: AsyncConnection,
        ids: Sequence[IncidentId],
        event: Event,
        actor: str,
        via: str,
    ) -> dict[IncidentId, Answer]:
        moment = await read_moment(tx, self._clock, self._playbook)
        found = await incidents.get_many(tx, ids)
        superseded = await _superseded(tx, found.values()) if isinstance(event, Escalate) else {}
        answers: dict[IncidentId, Answer] = {}
        decisions: list[Decision] = []
        for number, id in enumerate(ids, 1):
            if number % BREATH == 0:
                await asyncio.sleep(0)
            if id not in found:
                answers[id] = UnknownIncident(f"no incident has the number {id}")
                continue
            try:
                if id in superseded:
                    raise superseded[id]
                change = transition(found[id], event, moment.now)
            except NotAllowed as refusal:
                answers[id] = refusal
                await audit.append(
                    tx,
                    incident=id,
                    at=moment.now,
                    actor=actor,
                    via=via,
                    what="refused",
                    because=f"{type(event).__name__.lower()} by {actor} refused: {refusal}",
                )
            else:
                answers[id] = found[id]
                decisions.append(moment.follow(found[id], change))
        for saved in await carry_out(tx, decisions, moment, actor=actor, via=via):
            answers[saved.id] = saved
        return answers


async def _superseded(
    tx: AsyncConnection, some: Iterable[Incident]
) -> dict[IncidentId, NotAllowed]:
    """Refuse to open again what a later incident of its group has followed: one is open at most."""
    quiet = [incident for incident in some if incident.quiet]
    latest = await incidents.latest_of_groups(tx, {incident.group for incident in quiet})
    return {
        it.id: NotAllowed(f"#{it.id} is over; what came after it is #{latest[it.group].id}")
        for it in quiet
        if latest[it.group].id != it.id
    }
