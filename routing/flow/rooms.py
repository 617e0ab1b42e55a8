"""Rooms are shown their incidents as these stand when the room's turn comes, not as they stood."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.channel import Message
from routing.delivery.letters import shown
from routing.flow.flights import Flight
from routing.flow.materials import standing_of
from routing.flow.moment import Moment
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.sql import incidents


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
    known = await standing_of(tx, list(found.values()), moment)
    return {it.id: shown(known[id], it.channel) for it, id in rooms if id in known}
