"""What stands in the console's rooms, read back after a start."""

from bot.channels.console import NAME, Console
from routing.flow.desks import Desks
from routing.flow.moment import read_moment
from routing.flow.rooms import words_of
from storage.model.delivery import OutboxMessage, Purpose
from storage.model.incident import Status
from storage.sql import incidents, outbox

OPEN = frozenset(status for status in Status if status.is_open)
MOST_OPEN, MOST_OVER = 200, 40


async def restore(console: Console, desks: Desks) -> int:
    """Show again what the rooms showed: open incidents, and the latest of those that are over.

    Each as it stands now, whether its room was told already or not. Returns how many cards
    there are.
    """
    shown = 0
    async with desks.database.reading() as tx:
        there = await incidents.search(tx, statuses=OPEN, limit=MOST_OPEN)
        over = await incidents.search(tx, statuses={Status.RESOLVED}, limit=MOST_OVER)
        moment = await read_moment(tx, desks.clock, desks.playbook)
        for incident in sorted((*there, *over), key=lambda found: found.id):
            rooms = [
                message
                for message in await outbox.of_incident(tx, incident.id)
                if message.channel == NAME and message.purpose is Purpose.ROOM
            ]
            words = await words_of(tx, rooms, moment)
            for message in rooms:
                console.show(message.address, words[message.id], shown_at=_first_shown(message))
                shown += 1
    return shown


def _first_shown(message: OutboxMessage) -> float:
    """Return when it first stood there (Unix seconds); 0.0 where the row tells of a later state."""
    return message.sent_at.timestamp() if message.sent_at and message.revision == 0 else 0.0
