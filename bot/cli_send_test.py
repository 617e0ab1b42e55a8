"""`tocsin send-test`: one message by one channel, straight to the provider."""

import asyncio
import inspect
from datetime import timedelta

from bot.config.config import Config
from routing.delivery.channel import Channel, ChannelKind, Message, Receipt, Rejected, TryLater
from storage.clock import SystemClock
from storage.errors import BotError, unknown_name
from storage.model.delivery import DeliveryStatus, Purpose

PROOF_WITHIN = timedelta(seconds=20)
_PAUSE = 2.0  # seconds between questions


async def send_test(config: Config, channel: str, to: str | None) -> str:
    """Send a test message and return what became of it, in a sentence.

    to: the address; None: that of the first person who has one there, else the first room.
    Raises BotError where the provider refuses; the advice of the channel stands in it.
    """
    if channel not in config.opened:
        raise unknown_name("send-test", "channel", channel, config.opened)
    address = to or _first_address(config, channel)
    opened = config.opened[channel]
    made = opened.kind.open(opened.options)
    door = await made if inspect.isawaitable(made) else made
    try:
        return await _send(door, opened.kind, address)
    except Rejected as refusal:
        advice = f" {refusal.advice}" if refusal.advice else ""
        raise BotError(f"{channel} refused: {refusal}.{advice}") from refusal
    except TryLater as refusal:
        raise BotError(f"{channel} cannot send now: {refusal}") from refusal
    finally:
        await door.close()


def _first_address(config: Config, channel: str) -> str:
    for name in config.people:
        if address := config.contacts(name).get(channel):
            return address
    for policy in config.policies.values():
        for room in policy.rooms:
            if channel in room:
                return room[channel]
    raise BotError(f"Nobody has an address on {channel}; say one with --to.")


async def _send(door: Channel, kind: ChannelKind, address: str) -> str:
    now = SystemClock().utc_now()
    message = Message(
        purpose=Purpose.NOTICE,
        title="A test from Tocsin",
        summary=f"Sent by `tocsin send-test {kind.name}` at {now:%H:%M:%S} UTC; nothing is wrong.",
    )
    receipt = await door.send(message, address, f"test/{kind.name}/{now.timestamp():.0f}", None)
    proof = await _proof(door, receipt) if kind.proves else receipt
    if proof.status is DeliveryStatus.FAILED:
        raise BotError(f"{kind.name} took it, and could not deliver it to {address}: {proof.error}")
    named = f" ({receipt.provider_id})" if receipt.provider_id else ""
    word = "delivered" if proof.status is DeliveryStatus.DELIVERED else "sent"
    unproven = "; no proof of delivery yet" if kind.proves and word == "sent" else ""
    return f"{kind.name}: {word} to {address}{named}{unproven}"


async def _proof(door: Channel, receipt: Receipt) -> Receipt:
    """Ask what became of it until that is known, but not for ever."""
    for _ in range(int(PROOF_WITHIN.total_seconds() / _PAUSE)):
        try:
            found = await door.outcome(receipt.provider_id)
        except TryLater:
            found = receipt
        if found.status is not DeliveryStatus.SENT:
            return found
        await asyncio.sleep(_PAUSE)
    return receipt
