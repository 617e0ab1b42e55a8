"""Foreign text inside Slack messages: shown literally, within Slack's limits, pinging nobody.

Slack decodes exactly `&amp;`, `&lt;` and `&gt;`, in plain text objects too. Formatting marks have
no escape, so text that holds any goes into a plain text object, where they mean nothing.
"""

import re
from typing import Any

from routing.delivery.words import ELLIPSIS, flat

Block = dict[str, Any]
"""A part of Block Kit, as Slack's JSON has it."""

USER = re.compile(r"[UW][A-Z0-9]+")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = re.compile(r"[*_~`]|^[^\S\n]*>|:[^\s:]+:", re.MULTILINE)


def escaped(text: str, longest: int) -> str:
    """Escape `text`, which then has at most `longest` characters; a cut is marked.

    Counted in UTF-16 units, the strictest way Slack might count. No entity is split; what
    controls or hides text is taken out, line ends stay.
    """
    clean = "\n".join(map(flat, text.splitlines())).strip()
    pieces = [_ENTITIES.get(char, char) for char in clean]
    if units(clean) + sum(len(piece) - 1 for piece in pieces) <= longest:
        return "".join(pieces)
    kept, room = [], longest - len(ELLIPSIS)
    for piece in pieces:
        if (room := room - units(piece)) < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + ELLIPSIS


def entities(text: str) -> str:
    """Escape `text` and nothing else: no cut, every space kept."""
    return "".join(_ENTITIES.get(char, char) for char in text)


def units(text: str) -> int:
    """Count UTF-16 units."""
    return len(text) + sum(char > "\uffff" for char in text)


def is_tame(text: str) -> bool:
    """Say whether Slack's markup would leave `text` as it is, once it is escaped."""
    return not _MARKS.search(text)


def plain(text: str, longest: int) -> Block:
    """Show `text` literally. An empty text becomes a dash: Slack refuses empty ones."""
    return {"type": "plain_text", "text": escaped(text, longest) or "-", "emoji": False}


def marked(text: str) -> Block:
    """Show our own markup; whatever is foreign in it has been escaped and is tame."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def mention(address: str) -> str:
    """Ping one person; an address that is no member id pings nobody and says nothing."""
    return f"<@{address}>" if USER.fullmatch(address) else ""


def link(address: str) -> str:
    """Link to an address that was checked before; it shows where it leads."""
    return f"<{address.replace('&', '&amp;')}>"
