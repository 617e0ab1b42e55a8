"""Durations as people say them: `2h`, `1.5h`, `90 min`. Files are read strictly."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from storage.units import parse_duration

_AMOUNT = r"[0-9]{1,6}(?:\.[0-9]{1,3})?"
_UNITS = {
    "weeks": "w|wks?|weeks?",
    "days": "d|days?",
    "hours": "h|hrs?|hours?",
    "minutes": "m|mins?|minutes?",
    "seconds": "s|secs?|seconds?",
}
_END = r"(?:[.,:;]*(?:\s+|$))?"  # of a word, or the next amount follows at once: 1h30m
_SPAN = re.compile(
    "".join(
        rf"(?:(?:and\s+)?(?P<{unit}>{_AMOUNT})\s?(?:{words})(?![^\W\d_]){_END})?"
        for unit, words in _UNITS.items()
    ),
    re.ASCII | re.IGNORECASE,
)
_SPOKEN = ((["half", "an", "hour"], 0.5), (["an", "hour"], 1.0))
_ONE = ("week", "day", "hour", "minute", "second")
_MOST = timedelta(days=100 * 365)


def read_hold(
    words: Sequence[str], *, numbered: bool = False
) -> tuple[timedelta | None, list[str]]:
    """Read `2h`, `for 2 hours` off the front; return it and the words that are left.

    numbered: the first number may as well be an incident's: `ack 12 day shift has it`.
    """
    rest = list(words)
    if len(rest) > 1 and rest[0].lower() == "for":
        span, taken = _spoken(rest[1:]) or _read(rest[1:])
        return span, rest[taken + 1 :] if span is not None else rest
    if numbered and _is_odd(rest):
        return None, rest
    span, taken = _read(rest)
    return span, rest[taken:]


def _read(words: Sequence[str]) -> tuple[timedelta | None, int]:
    """Return the duration in front and how many words it takes."""
    text = " ".join(words[:12])
    found = _SPAN.match(text)
    read = text[: found.end()] if found else ""
    if found and read.strip() and (read == text or read[-1].isspace()):
        span = timedelta(**{unit: float(n) for unit, n in found.groupdict().items() if n})
        return (span, len(read.split())) if span <= _MOST else (None, 0)
    with suppress(ValueError):  # what else a file may say: 500ms, 1y
        if words and not words[0].isdigit():
            return parse_duration(words[0].rstrip(".,:;").lower()), 1
    return None, 0


def _spoken(words: Sequence[str]) -> tuple[timedelta, int] | None:
    said = [word.lower().rstrip(".,:;") for word in words[:3]]
    for phrase, hours in _SPOKEN:
        if said[: len(phrase)] == phrase:
            return timedelta(hours=hours), len(phrase)
    return None


def _is_odd(words: Sequence[str]) -> bool:
    """Say whether it begins like `12 day`: a number, and one of something."""
    first, second = [*words, "", ""][:2]
    return first.isdigit() and first != "1" and second.lower().rstrip(".,:;") in _ONE
