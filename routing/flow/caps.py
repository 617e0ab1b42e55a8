"""Stops what a day's messages by a channel may not cost any more, and says so once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.cap import DailyCap, is_first_critical
from routing.delivery.compose import trouble_message
from routing.delivery.letters import trouble_letters
from routing.flow.flights import Flight
from routing.flow.moment import Moment
from storage.clock import Steady
from storage.model.delivery import OutboxMessage
from storage.model.person import PersonId
from storage.sql import outbox

DAY, LOOK = timedelta(days=1), 60.0
"""The time that a cap is for; seconds between two looks at what was spent."""
ADVICE = "Pages go their next way; an incident's first critical page still goes. Raise"


class Caps:
    """Counts what went out by channels with a cap: from the outbox, and since then by itself."""

    def __init__(self) -> None:
        self._spent: dict[str, Counter[PersonId]] = {}
        self._looked_at: Steady | None = None

    async def checked(self, tx: AsyncConnection, flight: Flight, moment: Moment) -> Flight:
        """Return the flight, refused where its channel's cap is reached; else it is counted."""
        message, caps = flight.message, moment.playbook.caps
        cap, person = caps.get(message.channel), message.person
        if cap is None or person is None or flight.refusal:
            return flight
        spent = (await self._read(tx, caps, moment))[message.channel]
        reached = cap.reached(spent, person)
        if not reached or await _must_go(tx, flight):
            spent[person] += 1
            return flight
        await _tell(tx, message, reached, moment)
        return replace(flight, refusal=f"the daily cap is reached: {reached}")

    async def _read(
        self, tx: AsyncConnection, caps: Mapping[str, DailyCap], moment: Moment
    ) -> dict[str, Counter[PersonId]]:
        fresh = self._looked_at is not None and moment.steady - self._looked_at < LOOK
        if not fresh or caps.keys() - self._spent.keys():
            since = moment.now - DAY
            self._spent = {name: await outbox.spent(tx, name, since) for name in caps}
            self._looked_at = moment.steady
        return self._spent


async def _must_go(tx: AsyncConnection, flight: Flight) -> bool:
    for it in flight.messages:
        if it.incident and is_first_critical(it, await outbox.of_incident(tx, it.incident)):
            return True
    return False


async def _tell(tx: AsyncConnection, message: OutboxMessage, reached: str, moment: Moment) -> None:
    """Let administrators know, once a day for each cap."""
    channel = message.channel
    text = f"{reached}.\n{ADVICE} delivery.daily_cap.{channel} if that is too few."
    letters = trouble_letters(
        f"cap/{channel}/{reached}",
        trouble_message(f"the daily cap of {channel} is reached", text, moment.playbook),
        moment.playbook,
        avoid=channel,
        now=moment.now,
        steady=moment.steady,
    )
    await outbox.enqueue_many(tx, letters)
