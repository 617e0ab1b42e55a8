"""Text for tired people: times, durations and numbers in words, foreign text made harmless."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

ELLIPSIS = "…"
_COUNTED = re.compile(r"and ([0-9][0-9,]*) more")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that steer or hide text instead of being text (line ends among them)."""


def flat(text: str) -> str:
    """Make foreign text one visible line: what controls or hides becomes a space, runs collapse.

    >>> flat("disk\\n full\\u202e !")
    'disk full !'
    """
    if text.isprintable():  # nearly all is: nothing of the kind is in it
        return " ".join(text.split())
    seen = (" " if unicodedata.category(char) in _UNSEEN else char for char in text)
    return " ".join("".join(seen).split())


def lines_of(text: str, most: int) -> str:
    """Make foreign text harmless line by line, and keep at most `most` lines."""
    lines = [line for line in map(flat, text.splitlines()) if line]
    return "\n".join([*lines[:most], ELLIPSIS] if len(lines) > most else lines)


def shortened(text: str, longest: int) -> str:
    """Cut to `longest` characters; a cut is marked."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + ELLIPSIS


def fitting(
    parts: Sequence[str],
    longest: int,
    *,
    between: str = "\n",
    hidden: int = 0,
    size: Callable[[str], int] = len,
) -> str:
    """Join as many of `parts` as `longest` leaves room for; what is left out is counted.

    hidden: how many more there are behind them.   size: how long a text is.
    A first part that is too long alone is returned as it is, with the count.

    >>> fitting(["a=1", "a=2", "a=3"], 14, hidden=4997)
    'a=1\\nand 4,999 more'
    """
    text = ""
    for kept in range(len(parts), 0, -1):
        left = len(parts) - kept + hidden
        text = between.join([*parts[:kept], *([f"and {left:,} more"] if left else [])])
        if size(text) <= longest:
            return text
    return text


def fewer(text: str, longest: int, size: Callable[[str], int] = len) -> str:
    """Shorten a list of lines that ends by counting what it leaves out; it goes on to say so.

    Any other text is returned as it is.

    >>> fewer("a=1\\na=2\\nand 4,998 more", 18)
    'a=1\\nand 4,999 more'
    """
    *lines, last = text.split("\n")
    counted = _COUNTED.fullmatch(last)
    if not counted or not lines or size(text) <= longest:
        return text
    return fitting(lines, longest, hidden=int(counted[1].replace(",", "")), size=size)


def number(value: float) -> str:
    """Write a reading with four significant digits: `0.9871`, `1.235e+06`, `+Inf`, `NaN`."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else f"{value:.4g}"


def moment(at: datetime, now: datetime) -> str:
    """Write a time as `12:03 UTC`, with the date where it is not today's."""
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def lasting(length: timedelta) -> str:
    """Write how long something took: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def listed(names: list[str]) -> str:
    """Join for reading: `Ada`, `Ada and Bob`, `Ada, Bob and Cy`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def web_link(text: str) -> str:
    """Return `text` where it is an http(s) address that hides nothing, else an empty text."""
    if not text.isprintable() or any(char.isspace() or char in "<>|\"'`" for char in text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return text if plain else ""
