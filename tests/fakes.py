"""Hand-made stand-ins at the true borders: the clock and the channels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from routing.delivery.channel import ChannelKind, Message, Receipt
from storage.clock import Steady
from storage.model.delivery import DeliveryStatus, Post, Purpose
from storage.model.incident import IncidentId

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class ManualClock:
    """A clock that stands still until it is turned."""

    def __init__(self, wall: datetime = NOON, steady: float = 1_000_000.0) -> None:
        self.wall, self.elapsed = wall, steady

    def utc_now(self) -> datetime:
        return self.wall

    def steady(self) -> Steady:
        return Steady(self.elapsed)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.elapsed += seconds
        self.wall += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as a person or NTP would; no time passes."""
        self.wall += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message as a channel got it."""

    message: Message
    address: str
    key: str
    post: Post | None
    at: float

    @property
    def text(self) -> str:
        return f"{self.message.title} {self.message.summary}"


@dataclass
class RecordingChannel:
    """Remembers what it was given; shows rooms like a chat does: one post, edited, with a thread.

    fault: raised (or returned by a function of the message: None means no fault) by every send.
    tried: (address, time) of every call, whether it failed or not.
    """

    name: str
    clock: ManualClock
    fault: Exception | Callable[[Message], Exception | None] | None = None
    sent: list[Sent] = field(default_factory=list)
    tried: list[tuple[str, float]] = field(default_factory=list)
    outcomes: dict[str, Receipt] = field(default_factory=dict)
    before: Callable[[Message], object] = lambda _: None
    closed: bool = False

    def kind(
        self,
        *,
        is_chat: bool = False,
        proves: bool = False,
        seconds_between: float = 0.0,
        keeps_all: bool = False,
    ) -> ChannelKind:
        return ChannelKind(
            name=self.name,
            options=type(None),
            open=lambda _: self,
            is_chat=is_chat,
            proves=proves,
            seconds_between=seconds_between,
            keeps_all=keeps_all,
        )

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        self.tried.append((address, self.clock.elapsed))
        self.before(message)
        fault = self.fault(message) if callable(self.fault) else self.fault
        if fault is not None:
            raise fault
        sent = Sent(message=message, address=address, key=key, post=post, at=self.clock.elapsed)
        self.sent.append(sent)
        provider_id = post.message_id if post else f"{self.name}-{len(self.sent)}"
        if message.purpose is not Purpose.ROOM or message.incident is None:
            return Receipt(provider_id=provider_id)
        stands = Post(
            incident=IncidentId(message.incident),
            channel=self.name,
            address=address,
            message_id=provider_id,
            told=max([line.id for line in message.lines], default=post.told if post else 0),
            asked=post.asked if post else message.asked_keys,
        )
        return Receipt(provider_id=provider_id, post=stands)

    async def outcome(self, provider_id: str) -> Receipt:
        unknown = Receipt(provider_id=provider_id, status=DeliveryStatus.SENT)
        return self.outcomes.get(provider_id, unknown)

    async def close(self) -> None:
        self.closed = True

    def of(self, purpose: Purpose) -> list[Sent]:
        return [sent for sent in self.sent if sent.message.purpose is purpose]

    @property
    def pages(self) -> list[Sent]:
        return self.of(Purpose.PAGE)

    @property
    def rooms(self) -> list[Sent]:
        return self.of(Purpose.ROOM)

    @property
    def notices(self) -> list[Sent]:
        return self.of(Purpose.NOTICE)
