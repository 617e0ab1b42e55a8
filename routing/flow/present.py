"""What is late is told as it is now: rooms get a recap, pages say that they come late."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery import body
from routing.delivery.channel import Message
from routing.delivery.compose import LONGEST_SUMMARY
from routing.delivery.letters import page_again
from routing.delivery.recap import Newcomer, Recap, recap, recap_message
from routing.delivery.words import moment as at_time
from routing.delivery.words import shortened
from routing.flow.flights import Flight
from routing.flow.lanes import Lanes, Place
from routing.flow.materials import standing_of
from routing.flow.moment import Moment
from storage.clock import Steady
from storage.model.audit import AuditRow
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.sql import audit, incidents, outbox, rooms

FRESH = timedelta(seconds=30)
"""A page older than this is written anew before it goes."""
HOLD = 30.0
"""Seconds between two looks at what is over, while its room fails."""
LATE = 300.0
"""Seconds after which a page says that it comes late."""


async def recapped(
    tx: AsyncConnection, flights: Sequence[Flight], lanes: Lanes, whole: Collection[str],
    moment: Moment,
) -> list[Flight]:  # fmt: skip
    """Leave out first messages that their room is told in one, and owe it that one.

    In the transaction of the claim.   whole: channels for programs, and our own page, which get
    every incident.
    """
    first = [it for it in flights if it.message.purpose is Purpose.ROOM and it.post is None]
    places = {it.place for it in first if it.message.incident and it.place[0] not in whole}
    gone: set[OutboxId] = set()
    for place in sorted(places):
        ours = [it.message for it in first if it.place == place]
        waiting = await _newcomers(tx, place, ours, moment)
        told = recap(waiting, moment.steady)
        if told.all and lanes.is_failing(place):
            gone |= await _held_back(tx, place, ours, waiting, moment)
            told = recap([it for it in waiting if it.owed.id not in gone], moment.steady)
            told = Recap(over=() if gone else told.over)  # which of the open, it says once it can
        if told.all:
            await _recap(tx, place, told, moment)
            gone |= {it.owed.id for it in told.all}
    return [it for it in flights if it.message.id not in gone]


async def _newcomers(
    tx: AsyncConnection, place: Place, ours: Sequence[OutboxMessage], moment: Moment
) -> list[Newcomer]:
    """Return what waits to appear in a room, and the incidents as they are."""
    ids = [it.id for it in ours]
    rows = await rooms.first_posts(tx, *place, less_leased=moment.steady, but=ids)
    known = await incidents.get_many(tx, [it.incident for it in rows if it.incident])
    return [
        Newcomer(owed=it, incident=known[it.incident])
        for it in rows
        if it.incident and it.incident in known
    ]


async def _held_back(
    tx: AsyncConnection,
    place: Place,
    ours: Sequence[OutboxMessage],
    waiting: Sequence[Newcomer],
    moment: Moment,
) -> set[OutboxId]:
    """Put back what is over, while the room fails: what is open, or a recap, tries it out."""
    over = {it.owed.id for it in waiting if not it.incident.status.is_open}
    every = await rooms.first_posts(tx, *place)  # also what is on its way this moment
    if len(over) == len(every) and not await rooms.is_owed(tx, *place):
        return set()
    messages = [it for it in ours if it.id in over]
    await outbox.put_back(tx, messages, not_before=Steady(moment.steady + HOLD))
    return {it.id for it in messages}


async def _recap(tx: AsyncConnection, place: Place, told: Recap, moment: Moment) -> None:
    ids = {it.owed.id for it in told.all}
    await rooms.told_otherwise(tx, ids, "told in a summary")
    message = recap_message(told, moment.playbook.console)
    await outbox.enqueue(tx, _owed(place, message, moment))
    for it in told.all:
        await outbox.bring_forward(tx, it.incident.id, place[0], moment.steady)
    await audit.append_many(tx, [_row(it, place, moment.now) for it in told.all])


def _owed(place: Place, message: Message, moment: Moment) -> OutboxMessage:
    return OutboxMessage(
        id=OutboxId(0),
        key=f"recap/{place[0]}/{place[1]}/{moment.steady:.6f}",
        purpose=message.purpose,
        severity=message.severity,
        incident=None,
        person=None,
        round=0,
        step=0,
        channel=place[0],
        address=place[1],
        body=body.write(message),
        not_before=moment.steady,
        created_at=moment.now,
    )


def _row(it: Newcomer, place: Place, now: datetime) -> AuditRow:
    return AuditRow(
        id=0,
        incident=it.incident.id,
        at=now,
        actor="tocsin",
        via="sender",
        what="sent",
        because=f"told in a summary by {place[0]}: it came too late, or too many came at once",
    )


def is_stale(flight: Flight, now: datetime) -> bool:
    """Say whether a page was written so long ago that it may tell what is no longer so.

    One that may have arrived keeps its words for a while, so that the channel can look for them.
    """
    message, age = flight.message, now - flight.message.created_at
    if message.purpose is not Purpose.PAGE or not message.incident or flight.is_gathered:
        return False
    tried = message.doubted or message.attempts > 1
    return age > (timedelta(seconds=LATE) if tried else FRESH)


async def freshened(tx: AsyncConnection, flight: Flight, moment: Moment) -> Flight:
    """Write a page anew, as the incident stands now; a late one says since when it was wanted."""
    page = flight.message
    assert page.incident is not None
    incident = await incidents.get(tx, page.incident)
    material = (await standing_of(tx, [incident], moment))[incident.id]
    message = page_again(material, page)
    wanted = page.not_before if page.waiting_since is None else page.waiting_since
    if moment.steady - wanted > LATE:
        since = at_time(moment.wall(wanted), moment.now)
        words = f"Late: this was to reach you at {since}.\n{message.summary}"
        message = replace(message, summary=shortened(words, LONGEST_SUMMARY))
    return replace(flight, message=replace(page, body=body.write(message)))
