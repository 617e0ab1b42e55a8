"""Rooms are shown their incidents as these stand when the room's turn comes, not as they stood."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.channel import Message
from routing.delivery.letters import Material, shown
from routing.flow.flights import Flight
from routing.flow.materials import AT_ONCE, standing_of, weight_of
from routing.flow.moment import Moment
from routing.flow.parts import parts
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.model.incident import IncidentId
from storage.sql import incidents

BREATH, WRITING = 100, 10
"""Others get a turn when so many alerts were written of; a message costs as much as ten of them."""


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
    for some in parts(found.values(), AT_ONCE, weight_of):
        known |= await standing_of(tx, some, moment)
    words = dict[OutboxId, Message]()
    there = [(it, known[id]) for it, id in rooms if id in known]
    for few in parts(there, BREATH, lambda pair: WRITING + weight_of(pair[1].incident)):
        words |= {it.id: shown(material, it.channel) for it, material in few}
        await asyncio.sleep(0)
    return words
