"""Text cut by the bytes that it takes in JSON, which is how services limit what they are sent."""

import json

from routing.delivery.words import ELLIPSIS

MOST_PER_LETTER = 12
"""Bytes of JSON for one character: two escapes of six, for all beyond the basic plane."""


def weight(text: str) -> int:
    """Count the bytes of a text in JSON, its quotes left out."""
    return len(json.dumps(text)) - 2


def cut(text: str, longest: int) -> str:
    """Shorten to `longest` bytes of JSON; a cut is marked, no character is split."""
    if MOST_PER_LETTER * len(text) <= longest or weight(text) <= longest:
        return text
    room, kept = longest - weight(ELLIPSIS), list[str]()
    for char in text:
        if (room := room - weight(char)) < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + ELLIPSIS
