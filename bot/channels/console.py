"""The console: a channel like Slack, whose rooms stand in the browser of whoever runs Tocsin."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from routing.delivery.channel import ChannelKind, Line, Message, Receipt, TryLater
from storage.clock import Clock, SystemClock
from storage.model.delivery import Post, Purpose
from storage.model.incident import IncidentId, Status

NAME = "console"
MOST_CARDS, MOST_LINES, MOST_NOTICES, MOST_STREAMS, MOST_UNREAD = 300, 100, 50, 32, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """Nothing can be set: the page shows whatever rooms the policies name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An incident as it stands in a room.

    asked:    addresses of those who are asked to answer.
    shown_at: Unix seconds, when it was first delivered here; 0.0 where a restart forgot it.
    """

    room: str
    message: Message
    lines: tuple[Line, ...] = ()
    asked: tuple[str, ...] = ()
    shown_at: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Write for the page; times are Unix seconds."""
        message = self.message
        return {
            "room": self.room,
            "incident": message.incident,
            "title": message.title,
            "status": message.status,
            "severity": message.severity,
            "summary": message.summary,
            "facts": [list(fact) for fact in message.facts],
            "actions": [
                {"verb": action.verb, "label": action.label, "danger": action.danger}
                for action in message.actions
            ],
            "lines": [
                {"id": line.id, "at": line.at.timestamp(), "text": line.text} for line in self.lines
            ],
            "asked": list(self.asked),
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What a page is told: the event's name and its JSON-ready data."""

    name: str
    data: dict[str, Any]


@dataclass(slots=True, eq=False)
class _Stream:
    unread: "asyncio.Queue[Told | None]" = field(
        default_factory=lambda: asyncio.Queue(MOST_UNREAD + 1)
    )
    over: bool = False

    def put(self, told: Told) -> None:
        """Queue for the page. One that is too far behind is let go: it comes back and reads all."""
        if self.unread.qsize() >= MOST_UNREAD:
            self.end()
        elif not self.over:
            self.unread.put_nowait(told)

    def end(self) -> None:
        if not self.over:
            self.over = True
            self.unread.put_nowait(None)


class Console:
    """What stands in the rooms, in memory; fed by deliveries and, at start, by `show`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._cards: OrderedDict[tuple[str, int], Card] = OrderedDict()
        self._notices: list[dict[str, Any]] = []
        self._streams: set[_Stream] = set()

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        """Show in the room, or to the person at the page; raises nothing: the page is our own."""
        if message.purpose is Purpose.ROOM and message.incident is not None:
            return self._room(message, address, post)
        if message.purpose is Purpose.PAGE and post is not None:
            self._ask(post, address)
        else:
            self._notice(message)
        return Receipt(provider_id=key, post=post)

    async def outcome(self, provider_id: str) -> Receipt:
        """Say that nothing more is known; the kind does not prove."""
        raise TryLater(f"the console proves nothing about {provider_id}")

    async def close(self) -> None:
        """End every page's stream."""
        self.end_streams()

    def end_streams(self) -> None:
        """End every page's stream; the pages come back by themselves."""
        for stream in self._streams:
            stream.end()

    def show(self, room: str, message: Message, *, shown_at: float = 0.0) -> None:
        """Put an incident into a room as `message` tells it; used to rebuild the rooms at start."""
        assert message.incident is not None
        place = (room, message.incident)
        before = self._cards.get(place)
        known = {line.id: line for line in (before.lines if before else ())}
        known |= {line.id: line for line in message.lines}
        lines = tuple(known[id] for id in sorted(known))[-MOST_LINES:]
        asked = _asked(message, before)
        self._cards[place] = card = Card(
            room=room,
            message=message,
            lines=lines,
            asked=asked,
            shown_at=before.shown_at if before else shown_at,
        )
        self._forget()
        self.tell("card", card.as_json())

    def cards(self) -> tuple[Card, ...]:
        """Return what stands in the rooms, in the order in which it came."""
        return tuple(self._cards.values())

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Tell every open page; never waits."""
        for stream in self._streams:
            stream.put(Told(name, data))

    @property
    def readers(self) -> int:
        """How many pages are open."""
        return len(self._streams)

    async def stream(self) -> AsyncIterator[Told]:
        """Tell one page all that stands in the rooms, then whatever comes, until it is ended.

        Raises TryLater when too many pages are open.
        """
        if len(self._streams) >= MOST_STREAMS:
            raise TryLater(f"{MOST_STREAMS} pages are open; close one")
        stream = _Stream()
        self._streams.add(stream)
        try:
            yield Told("hello", self._all())
            while (told := await stream.unread.get()) is not None:
                yield told
        finally:
            self._streams.discard(stream)

    def _all(self) -> dict[str, Any]:
        return {
            "cards": [card.as_json() for card in self._cards.values()],
            "notices": self._notices,
        }

    def _room(self, message: Message, room: str, post: Post | None) -> Receipt:
        assert message.incident is not None
        self.show(room, message, shown_at=self._clock.utc_now().timestamp())
        newest = max((line.id for line in message.lines), default=0)
        return Receipt(
            provider_id=f"{room}/{message.incident}",
            post=Post(
                incident=IncidentId(message.incident),
                channel=NAME,
                address=room,
                message_id=f"{room}/{message.incident}",
                told=max(newest, post.told if post else 0),
                asked=post.asked if post else message.asked_keys,
            ),
        )

    def _ask(self, post: Post, address: str) -> None:
        place = (post.address, int(post.incident))
        card = self._cards.get(place)
        if card is not None and address not in card.asked:
            self._cards[place] = card = replace(card, asked=(*card.asked, address))
            self.tell("card", card.as_json())

    def _notice(self, message: Message) -> None:
        notice = {
            "at": self._clock.utc_now().timestamp(),
            "incident": message.incident,
            "title": message.title,
            "severity": message.severity,
            "summary": message.summary,
        }
        self._notices = [*self._notices, notice][-MOST_NOTICES:]
        self.tell("notice", notice)

    def _forget(self) -> None:
        """Let go of the oldest cards; those that are over go first."""
        while len(self._cards) > MOST_CARDS:
            self._cards.pop(_oldest(self._cards.items()))


def _asked(message: Message, before: Card | None) -> tuple[str, ...]:
    """Keep who is asked while an answer is wanted; an answer clears it."""
    if message.status is not Status.TRIGGERED:
        return ()
    known = before.asked if before else ()
    return tuple(dict.fromkeys((*known, *message.asked)))


def _oldest(cards: Iterable[tuple[tuple[str, int], Card]]) -> tuple[str, int]:
    places = list(cards)
    over = (place for place, card in places if card.message.status is Status.RESOLVED)
    return next(over, places[0][0])


def open_console(_options: ConsoleOptions) -> Console:
    """Open the console, its rooms empty."""
    return Console()


CHANNEL = ChannelKind(
    name=NAME, options=ConsoleOptions, open=open_console, is_chat=True, keeps_all=True
)
