"""What became of a message, written down in one transaction with all that follows from it."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.channel import Message, Receipt, Rejected, TryLater
from routing.delivery.compose import trouble_message
from routing.delivery.letters import trouble_letters
from routing.delivery.pace import Again, after_failure
from routing.delivery.words import flat, shortened
from routing.flow.failover import fail_over
from routing.flow.flights import Flight, sent_row
from routing.flow.moment import Moment
from storage.model.delivery import DeliveryStatus, OutboxMessage, Purpose
from storage.model.incident import IncidentId
from storage.sql import audit, incidents, outbox, owed, posts

Result = Receipt | TryLater | Rejected
LONGEST_REASON = 300


async def record(
    tx: AsyncConnection,
    flight: Flight,
    result: Result,
    moment: Moment,
    *,
    jitter: float,
    others: int = 0,
) -> list[IncidentId]:
    """Note what the channel answered; return the incidents that changed by it.

    jitter: in [0, 1), for the back-off.   others: how many more went in the same message.
    """
    match result:
        case Receipt(status=DeliveryStatus.FAILED):
            return await _failed(tx, flight.message, Rejected(result.error), moment)
        case Receipt():
            await _sent(tx, flight, result, moment, others)
            return [flight.message.incident] if flight.message.incident else []
        case TryLater():
            return await _later(tx, flight, result, moment, jitter)
        case Rejected() if flight.refusal:  # its room was refused, and that has been told
            return await _given_up(tx, flight.message, flight.refusal, moment)
        case Rejected():
            return await _failed(tx, flight.message, result, moment)


async def record_rooms(
    tx: AsyncConnection, landed: Sequence[tuple[Flight, Receipt]], moment: Moment
) -> list[IncidentId]:
    """Note that rooms were shown their incidents, all at once; return those incidents."""
    await owed.record_shown(
        tx, [(flight.message, receipt.provider_id) for flight, receipt in landed], moment.now
    )
    await posts.save_many(tx, [receipt.post for _, receipt in landed if receipt.post])
    named = {
        key: it.provider_id for _, it in landed if it.post is not None for key in it.post.asked
    }
    gone = await owed.record_carried(tx, named, moment.now)
    new = [flight.message for flight, _ in landed if flight.post is None]
    first = [(it.incident, it.channel) for it in new if it.incident]
    await owed.bring_forward(tx, first, moment.steady)
    await audit.append_many(tx, [sent_row(it, moment.now) for it in gone])
    return [flight.message.incident for flight, _ in landed if flight.message.incident]


def shown(flight: Flight, result: Result) -> tuple[Flight, Receipt] | None:
    """Return both where a room took what it is shown: the most frequent outcome of a storm."""
    if isinstance(result, Receipt) and result.status is DeliveryStatus.SENT:
        room = flight.message.purpose is Purpose.ROOM and flight.message.incident is not None
        return (flight, result) if room else None
    return None


async def _sent(
    tx: AsyncConnection, flight: Flight, receipt: Receipt, moment: Moment, others: int
) -> None:
    message = flight.message
    await outbox.record_sent(
        tx,
        message,
        status=receipt.status,
        provider_id=receipt.provider_id,
        sent_at=moment.now,
    )
    if receipt.post is not None:
        await posts.save(tx, receipt.post)
    gone = [] if message.purpose is Purpose.ROOM else [message]
    if message.purpose is Purpose.ROOM and message.incident:
        if receipt.post is not None:
            gone = await outbox.record_carried(
                tx, receipt.post.asked, provider_id=receipt.provider_id, sent_at=moment.now
            )
        if flight.post is None:  # it stands there now: pages that it does not carry may follow
            await outbox.bring_forward(tx, message.incident, message.channel, moment.steady)
    await audit.append_many(tx, [sent_row(it, moment.now, others) for it in gone])


async def _later(
    tx: AsyncConnection, flight: Flight, word: TryLater, moment: Moment, jitter: float
) -> list[IncidentId]:
    message = flight.message
    if word.post is not None:
        await posts.save(tx, word.post)
        await outbox.bring_forward(tx, word.post.incident, message.channel, moment.steady)
    known = await incidents.get_many(tx, [message.incident] if message.incident else [])
    is_recap = message.purpose is Purpose.NOTICE and message.person is None
    then = after_failure(
        Purpose.ROOM if is_recap else message.purpose,  # a recap stands for posts of its room
        message.attempts,
        now=moment.steady,
        jitter=jitter,
        asked=word.after,
        is_open=any(incident.status.is_open for incident in known.values()),
    )
    reason = shortened(flat(str(word)), LONGEST_REASON)
    if isinstance(then, Again):
        await outbox.record_retry(
            tx, message, not_before=then.not_before, error=reason, doubted=word.doubtful
        )
        return []
    if message.purpose is Purpose.REPORT:
        text = f"{message.channel} to {message.address}: {reason}; {then.reason}"
        trouble = trouble_message("A report was not delivered", text, moment.playbook)
        await _tell_admins(tx, f"report/{message.channel}", trouble, message.channel, moment)
    return await _given_up(tx, message, f"{reason}; {then.reason}", moment)


async def _failed(
    tx: AsyncConnection, message: OutboxMessage, word: Rejected, moment: Moment
) -> list[IncidentId]:
    """Refused for good: the administrators hear once a day what to do about it."""
    reason = shortened(flat(str(word)), LONGEST_REASON)
    text = f"{reason}\n{word.advice}" if word.advice else reason
    trouble = trouble_message(f"{message.channel} refuses messages", text, moment.playbook)
    fact = f"channel/{message.channel}/{word.fault or reason}"
    await _tell_admins(tx, fact, trouble, message.channel, moment)
    return await _given_up(tx, message, reason, moment)


async def _tell_admins(
    tx: AsyncConnection, fact: str, trouble: Message, avoid: str, moment: Moment
) -> None:
    letters = trouble_letters(
        fact, trouble, moment.playbook, avoid=avoid, now=moment.now, steady=moment.steady
    )
    await outbox.enqueue_many(tx, letters)


async def _given_up(
    tx: AsyncConnection, message: OutboxMessage, reason: str, moment: Moment
) -> list[IncidentId]:
    if not await outbox.record_failed(tx, message, error=reason):
        return []
    if message.purpose is Purpose.PAGE:
        return await fail_over(tx, message, reason, moment)
    if message.purpose is Purpose.ROOM and message.incident:
        await outbox.bring_forward(tx, message.incident, message.channel, moment.steady)
    whom = message.person or message.address
    await audit.append(
        tx,
        incident=message.incident,
        at=moment.now,
        actor="tocsin",
        via="sender",
        what="not shown" if message.purpose is Purpose.ROOM else "not told",
        because=f"not told: {message.channel} to {whom}: {reason}",
    )
    return [message.incident] if message.incident else []
