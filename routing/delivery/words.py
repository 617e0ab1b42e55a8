"""Text for tired people: times, durations and numbers in words, foreign text made harmless."""

import unicodedata
from datetime import datetime, timedelta
from urllib.parse import urlsplit

ELLIPSIS = "…"
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that steer or hide text instead of being text (line ends among them)."""


def flat(text: str) -> str:
    """Make foreign text one visible line: what controls or hides becomes a space, runs collapse.

    >>> flat("disk\\n full\\u202e !")
    'disk full !'
    """
    seen = (" " if unicodedata.category(char) in _UNSEEN else char for char in text)
    return " ".join("".join(seen).split())


def lines_of(text: str, most: int) -> str:
    """Make foreign text harmless line by line, and keep at most `most` lines."""
    lines = [line for line in map(flat, text.splitlines()) if line]
    return "\n".join([*lines[:most], ELLIPSIS] if len(lines) > most else lines)


def shortened(text: str, longest: int) -> str:
    """Cut to `longest` characters; a cut is marked."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + ELLIPSIS


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
