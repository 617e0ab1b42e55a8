"""Rooms are shown their incidents as these stand when the room's turn comes, not as they stood."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.bundle import MOST_ALERTS
from routing.delivery.channel import Message
from routing.delivery.letters import Material, shown
from routing.flow.flights import Flight
from routing.flow.materials import standing_of
from routing.flow.moment import Moment
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.model.incident import Incident, IncidentId
from storage.sql import incidents

AT_ONCE, BREATH = 200, 8
"""Alerts that are read in one go; messages after which others get a turn."""


async def with_words(
    tx: AsyncConnection, flights: Sequence[Flight], moment: Moment
) -> list[Flight]:
    """Return the flights, those to rooms with what they say."""
    words = await words_of(tx, [flight.message for flight in flights], moment)
    return [replace(flight, said=words.get(flight.message.id)) for flight in flights]


async def words_of(
    tx: AsyncConnection, messages: Sequence[OutboxMessage], moment: Moment
) -> dict[OutboxId, Message]:
    """Write those of `messages` that show an incident in a room."""
    rooms = [(it, it.incident) for it in messages if it.purpose is Purpose.ROOM and it.incident]
    found = await incidents.get_many(tx, {id for _, id in rooms})
    known = dict[IncidentId, Material]()
    for some in _parts(list(found.values())):
        known |= await standing_of(tx, some, moment)
    words = {}
    for number, (it, id) in enumerate(rooms):
        if id in known:
            words[it.id] = shown(known[id], it.channel)
        if number % BREATH == 0:
            await asyncio.sleep(0)
    return words


def _parts(every: Sequence[Incident]) -> Iterator[list[Incident]]:
    """Cut into parts that have few alerts together: nobody waits for all to be read."""
    part, weight = list[Incident](), 0
    for incident in every:
        part.append(incident)
        weight += min(incident.total, MOST_ALERTS)
        if weight >= AT_ONCE:
            yield part
            part, weight = [], 0
    if part:
        yield part
