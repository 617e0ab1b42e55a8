"""The last look before a message goes: is it still wanted, where does it go, must it wait."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.channel import Message
from routing.delivery.gathered import Item
from routing.delivery.letters import room_key
from routing.flow.failover import is_wanted
from routing.flow.lanes import Place
from storage.clock import Steady
from storage.model.audit import AuditRow
from storage.model.delivery import DeliveryStatus, OutboxId, OutboxMessage, Post, Purpose
from storage.model.incident import Incident
from storage.model.person import ContactPoint
from storage.sql import audit, incidents, outbox, posts

WAIT_FOR_ROOM = 30.0
"""Seconds that a page waits for its room's first post; sent or refused, that calls it sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A claimed message that may go now.

    place:   whose pace it keeps; what goes into a room's thread keeps the room's.
    post:    where the incident stands on that channel, if it does.
    refusal: why it cannot go at all, known before anybody is called.
    others:  further messages to the same person that this one carries.
    is_gathered: it says what all of them are about, and not what `message` says.
    items:   of a gathered one: what it says of each message.
    said:    what it says, where that is more than its row keeps.
    """

    message: OutboxMessage
    place: Place
    post: Post | None = None
    refusal: str = ""
    others: tuple[OutboxMessage, ...] = ()
    is_gathered: bool = False
    items: Mapping[OutboxId, Item] = field(default_factory=dict)
    said: Message | None = None

    @property
    def messages(self) -> tuple[OutboxMessage, ...]:
        """All that it carries, its own first."""
        return (self.message, *self.others)

    def each(self) -> list["Flight"]:
        """Return it as flights of one message, which is how its outcome is noted."""
        return [replace(self, message=it, others=()) for it in self.messages]

    def with_only(self, wanted: Collection[OutboxId]) -> "Flight | None":
        """Leave out what is not wanted any more; None: nothing is left."""
        left = [it for it in self.messages if it.id in wanted]
        if not left:
            return None
        return replace(self, message=left[0], others=tuple(left[1:]))


async def cleared(
    tx: AsyncConnection,
    claimed: Sequence[OutboxMessage],
    chat: Collection[str],
    *,
    now: Steady,
    sent_at: datetime,
) -> list[Flight]:
    """Return those of `claimed` that may go, in order; in the transaction of the claim.

    A page that was answered is cancelled. A chat page waits for its room's first post; what
    that post carried is noted as sent. A notice goes where the incident stands, and to the
    person alone where it stands nowhere.   chat: names of the channels that are chat.
    """
    others = [it for it in claimed if it.purpose is not Purpose.ROOM]
    found = await incidents.get_many(tx, {it.incident for it in others if it.incident})
    shown = {it.incident for it in claimed if it.incident and it.purpose is Purpose.ROOM}
    stands = await posts.of_incidents(tx, shown)
    flights = []
    for message in claimed:
        place = (message.channel, message.address)
        incident = found.get(message.incident) if message.incident else None
        if message.purpose is Purpose.PAGE and (
            incident is None or not is_wanted(message, incident)
        ):
            await outbox.cancel(tx, message.id)
        elif message.purpose is Purpose.PAGE and incident and message.channel in chat:
            flight = await _into_thread(tx, message, incident, now, sent_at)
            flights += [flight] if flight else []
        elif message.purpose is Purpose.NOTICE and incident and message.channel in chat:
            standing = await _standing(tx, incident, message.channel)
            post = standing[0] if standing else None
            place = (message.channel, post.address) if post else place
            flights.append(Flight(message=message, place=place, post=post))
        elif message.purpose is Purpose.ROOM and message.incident:
            post = stands.get((message.incident, *place))
            flights.append(Flight(message=message, place=place, post=post))
        elif message.purpose is Purpose.REPORT:  # its failures must not hold up a page there
            flights.append(Flight(message=message, place=(place[0], f"{place[1]} (reports)")))
        else:
            flights.append(Flight(message=message, place=place))
    return flights


async def _into_thread(
    tx: AsyncConnection, page: OutboxMessage, incident: Incident, now: Steady, sent_at: datetime
) -> Flight | None:
    """Find the thread that a chat page goes into; None: carried already, or its room comes first.

    A page on a channel where the incident has no room goes to the person's own address.
    """
    rooms = [room for room in incident.policy.rooms if room.channel == page.channel]
    for post in await _standing(tx, incident, page.channel):
        if page.key not in post.asked:
            return Flight(message=page, place=(page.channel, post.address), post=post)
        await outbox.record_sent(
            tx,
            page,
            status=DeliveryStatus.SENT,
            provider_id=post.message_id,
            sent_at=sent_at,
        )
        await audit.append_many(tx, [sent_row(page, sent_at)])
        return None
    keys = [room_key(incident, ContactPoint(channel=r.channel, address=r.address)) for r in rooms]
    standing = (await outbox.by_keys(tx, keys)).values()
    if any(it.status is DeliveryStatus.WAITING for it in standing):
        await outbox.put_back(tx, [page], not_before=Steady(now + WAIT_FOR_ROOM))
        return None
    failed = [it for it in standing if it.status is DeliveryStatus.FAILED]
    refusal = f"its room is refused: {failed[0].error}" if failed else ""
    return Flight(message=page, place=(page.channel, page.address), refusal=refusal)


async def _standing(tx: AsyncConnection, incident: Incident, channel: str) -> list[Post]:
    """Return where the incident stands on a channel, in the order of its policy's rooms."""
    stands = {(it.channel, it.address): it for it in await posts.of_incident(tx, incident.id)}
    places = [(room.channel, room.address) for room in incident.policy.rooms]
    return [stands[place] for place in places if place in stands and place[0] == channel]


def sent_row(message: OutboxMessage, at: datetime, others: int = 0) -> AuditRow:
    """Write for the record that a page or a notice went out, maybe together with others."""
    verb = "asked" if message.purpose is Purpose.PAGE else "told"
    together = f", together with {others} more" if others else ""
    return AuditRow(
        id=0,
        incident=message.incident,
        at=at,
        actor="tocsin",
        via="sender",
        what="sent",
        because=f"{verb} {message.person or message.address} by {message.channel}{together}",
    )
