"""Times that people say, by their own clocks: `22:00`, `2026-12-01 22:00`."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

_MOST_YEARS = 10  # where there is no end of days near
_DAY, _TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), re.compile(r"[0-9]{1,2}:[0-9]{2}")


def read_time(words: Sequence[str], now: datetime, word: str) -> tuple[datetime, list[str]]:
    """Read a time off the front, the next such one where no day is said; return what is left.

    now: in the speaker's zone.  word: what stood before it.  Raises ValueError, in words.
    """
    rest = list(words)
    day = rest[0] if rest and _DAY.fullmatch(rest[0].partition("T")[0]) else ""
    rest = rest[1:] if day else rest
    if "T" in day:
        day, _, at = day.partition("T")
    else:
        at, rest = (rest[0], rest[1:]) if rest else ("", [])
    if not _TIME.fullmatch(at):
        raise ValueError(f"expected a time such as `{word} 22:00` or `{word} 2026-12-01 22:00`")
    date = day or f"{now:%Y-%m-%d}"
    found = datetime.fromisoformat(f"{date}T{at.zfill(5)}").replace(tzinfo=now.tzinfo)
    if abs(found.year - now.year) > _MOST_YEARS:
        raise ValueError(f"expected a time within {_MOST_YEARS} years of now")
    return found + (timedelta(days=1) if not day and found < now else timedelta(0)), rest
