"""What became of each message about an incident, in words."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.chat.wording import People, clock_time, name_of
from storage.clock import Steady
from storage.model.delivery import DeliveryStatus, OutboxMessage, Purpose
from storage.units import human_duration

MOST = 20
HEAD = ("when", "to", "by", "outcome")
WORDS = {
    DeliveryStatus.SENT: "sent",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.UNPROVEN: "unproven",
    DeliveryStatus.FAILED: "failed for good",
    DeliveryStatus.CANCELLED: "not needed any more",
}


def receipts(
    messages: Sequence[OutboxMessage], people: People, now: datetime, steady: Steady
) -> tuple[tuple[str, ...], ...]:
    """Return a table with a line for each message, the newest `MOST`; empty without any."""
    rows = [
        (
            clock_time(message.sent_at or message.created_at, now),
            name_of(message.person, people) or message.address,
            message.channel,
            outcome(message, now, steady),
        )
        for message in messages[-MOST:]
    ]
    return (HEAD, *rows) if rows else ()


def outcome(message: OutboxMessage, now: datetime, steady: Steady) -> str:
    """Say what is known: `queued`, `sent`, `failed for now: <reason>`, ..."""
    words = _state(message, now, steady)
    if message.purpose is not Purpose.PAGE:
        words = f"{message.purpose}, {words}"
    if message.attempts > 1:
        words += f" after {message.attempts} tries"
    said = message.status in (DeliveryStatus.SENT, DeliveryStatus.DELIVERED)
    return f"{words}: {message.error}" if message.error and not said else words


def _state(message: OutboxMessage, now: datetime, steady: Steady) -> str:
    if message.status is not DeliveryStatus.WAITING:
        return WORDS[message.status]
    if message.error:
        return f"failed for now, again {_moment(message.not_before, now, steady)}"
    if not message.is_due(steady):
        return f"queued, due {_moment(message.not_before, now, steady)}"
    return "queued"


def _moment(at: Steady, now: datetime, steady: Steady) -> str:
    wait = timedelta(seconds=max(0.0, at - steady))
    if wait < timedelta(minutes=10):
        return f"in {human_duration(timedelta(seconds=round(wait.total_seconds())))}"
    return clock_time(now + wait, now)
