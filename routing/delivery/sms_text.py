"""A message as the text of an SMS: short, counted as the phone network counts, never cut blind."""

from collections.abc import Iterable

from routing.delivery.channel import Message
from routing.delivery.words import flat, web_link

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
SHORTEST = 20
"""Characters of the text that must stay beside an answer; fewer tell nobody what it is about."""
_EXTENDED = frozenset("^{}\\[~]|€\f")
"""3GPP TS 23.038: the default alphabet, and what costs an escape besides."""

_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "`": "'", "\u00a0": " "}
    | {"\u2013": "-", "\u2014": "-", "\u2022": "-", "\u00d7": "x", "\u2192": "->"}
    | {"\u2265": ">=", "\u2264": "<=", "\u2026": "..."}
)
"""Ornaments that would halve the room: one letter outside the alphabet makes all of it UCS-2."""


def segments_of(text: str) -> int:
    """Count the SMS that `text` takes.

    One holds 160 letters of GSM-7 or 70 of UCS-2, each of several 153 or 67; a letter that takes
    two places is never split between two.
    """
    gsm = all(char in _BASIC or char in _EXTENDED for char in text)
    if gsm:
        costs, alone, joined = [1 + (char in _EXTENDED) for char in text], 160, 153
    else:
        costs, alone, joined = [1 + (char > "\uffff") for char in text], 70, 67
    return 1 if sum(costs) <= alone else _packed(costs, joined)


def _packed(costs: Iterable[int], room: int) -> int:
    count, left = 1, room
    for cost in costs:
        if cost > left:
            count, left = count + 1, room
        left -= cost
    return count


def as_sms(message: Message, segments: int = 2, answer: str = "/tocsin ack") -> str:
    """Write `message` as at most `segments` SMS.

    answer: how the incident is acknowledged, less its number.

    It starts with the incident's number (the title does) and how bad it is, and ends with how to
    answer, if an answer is wanted. What does not fit is cut from the middle, and the cut is
    marked. A link that leaves no room for the trouble is left out.
    """
    if not message.title:  # what somebody is answered: lines, as they are
        return _fitted(message.summary.translate(_PLAIN), "", segments) or ""
    head, _, rest = flat(message.title).partition(" ")
    urgent = f"{head} {message.severity.upper()} {rest}" if message.incident else message.title
    parts = [flat(urgent), flat(message.summary), *_state(message)]
    text = ". ".join(part.rstrip(".") for part in parts if part).translate(_PLAIN)
    for ending in _answers(message, answer):
        fitting = _fitted(text, ending, segments)
        if fitting is not None:
            return fitting
    return _fitted(text, "", segments) or ""


def _state(message: Message) -> list[str]:
    """Tell the state only where it is more than "triggered": that is what the SMS itself says."""
    more = ("step", "flapping")
    return [
        flat(value)
        for name, value in message.facts
        if name == "State" and any(word in value for word in more)
    ]


def _answers(message: Message, how: str) -> list[str]:
    """Return how to answer, the fullest wording first."""
    link = web_link(message.link)
    if not message.ack:
        return [f" {link}", ""] if link else [""]
    answer = f" Answer: {how} {message.ack}"
    return [f"{answer} or {link}", answer] if link else [answer]


def _fitted(text: str, answer: str, segments: int) -> str | None:
    """Return text and answer, cut where needed; None if hardly anything of the text would stay."""
    stop = "." if answer and not text.endswith(("!", "?")) else ""
    if segments_of(text + stop + answer) <= segments:
        return text + stop + answer
    for length in range(min(len(text), 160 * segments), SHORTEST - 1, -1):
        mark = "..." if _is_gsm(text[:length] + answer) else "…"
        shorter = text[:length].rstrip(" .,:;") + mark + answer
        if segments_of(shorter) <= segments:
            return shorter
    return None


def _is_gsm(text: str) -> bool:
    return all(char in _BASIC or char in _EXTENDED for char in text)
