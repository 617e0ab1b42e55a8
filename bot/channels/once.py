"""Rooms where nothing can be edited: each state worth telling is told once, as a new message."""

from routing.delivery.channel import Message, Receipt
from storage.model.delivery import Post, Purpose
from storage.model.incident import IncidentId


def is_told(message: Message, post: Post | None) -> bool:
    """Say whether the room has heard of all that the message has to tell."""
    if message.purpose is not Purpose.ROOM or post is None:
        return False
    return set(message.stages) <= set(post.asked)


def receipt(
    message: Message, channel: str, address: str, post: Post | None, *, provider_id: str = ""
) -> Receipt:
    """Return the receipt of what was sent; for a room, with a note of what it has been told."""
    if message.purpose is not Purpose.ROOM or message.incident is None:
        return Receipt(provider_id=provider_id)
    before = post.asked if post else ()
    noted = Post(
        incident=IncidentId(message.incident),
        channel=channel,
        address=address,
        message_id=provider_id,
        told=max([post.told if post else 0, *(line.id for line in message.lines)]),
        asked=tuple(dict.fromkeys((*before, *message.stages))),
    )
    return Receipt(provider_id=provider_id, post=noted)
