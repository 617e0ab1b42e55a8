"""Windows that come again: when does one begin and end, by whose clocks (RFC 5545)."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import prod
from zoneinfo import ZoneInfo

from storage.model.silence import Silence

Span = tuple[datetime, datetime]
DAY = timedelta(days=1)
LONGEST_WINDOW = timedelta(days=31)
_TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
_MOST_A_DAY, _LONGEST_INTERVAL = 24, 1_000
_UNTIL = re.compile(r"(?<=UNTIL=)([0-9]{8})(?:(T[0-9]{6})Z|(?![0-9T]))", re.IGNORECASE)


def span_at(silence: Silence, now: datetime) -> Span | None:
    """Return the beginning and the end of what covers `now`, aware UTC; None: nothing does.

    The end of a silence that never ends is the last moment there is.
    """
    last = silence.ends_at or datetime.max.replace(tzinfo=UTC)
    if now >= last:
        return None
    if not silence.rule:
        return (silence.starts_at, last) if silence.starts_at <= now else None
    for start, end in _spans(silence, now.astimezone(UTC).date()):
        if start <= now < end:
            return start, min(end, last)
    return None


def next_span(silence: Silence, now: datetime) -> Span | None:
    """Return when a window begins next after `now`; None: never, or not within two years."""
    if not silence.rule:
        last = silence.ends_at or datetime.max.replace(tzinfo=UTC)
        return (silence.starts_at, last) if silence.starts_at > now else None
    zone = ZoneInfo(silence.zone)
    rule = _rule(silence.rule, _local(silence), silence.zone)
    found = rule.after(now.astimezone(zone).replace(tzinfo=None))
    if found is None or found - now.replace(tzinfo=None) > 730 * DAY:
        return None
    start = found.replace(tzinfo=zone).astimezone(UTC)
    if silence.ends_at is not None and start >= silence.ends_at:
        return None
    return start, start + (silence.lasts or timedelta(0))


def check_rule(rule: str, starts_at: datetime, zone: str) -> None:
    """Raise ValueError, with a sentence for people, where `rule` is no RRULE that we follow.

    zone: by whose clocks it begins.  It can take seconds to find that a rule never happens.
    """
    named = f"found {rule[:80]!r}; expected an RFC 5545 rule such as FREQ=WEEKLY;BYDAY=SU"
    _check_amounts(rule, named)
    first = starts_at.replace(tzinfo=None)
    try:
        parsed = _rule(rule, first, zone)
    except Exception as error:
        raise ValueError(f"{named}: {error}") from error
    if any(f"FREQ={often}" in rule.upper() for often in _TOO_OFTEN):
        raise ValueError(f"{named}: windows come daily or more rarely")
    if parsed.after(first - DAY) is None:
        raise ValueError(f"{named}: this one never happens")


def _check_amounts(rule: str, named: str) -> None:
    """Refuse what would be counted without an end: no step between days, or a window each second.

    dateutil takes `INTERVAL=0`, and then finds the same day for ever.
    """
    parts = dict(re.findall(r"(\w+)=([^;\s]*)", rule.upper()))
    every = parts.get("INTERVAL", "1")
    if not (every.isascii() and every.isdigit() and 1 <= int(every[:9]) <= _LONGEST_INTERVAL):
        raise ValueError(f"{named}: INTERVAL is a number from 1 to {_LONGEST_INTERVAL:,}")
    times = (parts.get(part, "").count(",") + 1 for part in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    if prod(times) > _MOST_A_DAY:
        raise ValueError(f"{named}: a day has {_MOST_A_DAY} windows at most")


def _local(silence: Silence) -> datetime:
    return silence.starts_at.astimezone(ZoneInfo(silence.zone)).replace(tzinfo=None)


def _spans(silence: Silence, day: date) -> tuple[Span, ...]:
    lasts = min(silence.lasts or timedelta(0), LONGEST_WINDOW)
    return _spans_of(silence.rule, _local(silence), silence.zone, lasts, day)


@lru_cache(maxsize=256)
def _spans_of(
    rule: str, first: datetime, zone: str, lasts: timedelta, day: date
) -> tuple[Span, ...]:
    """Return what may cover any moment of the UTC day `day`, by the clocks of `zone`.

    A window's length is time that passes: one of 2 h over a change of the clocks takes 2 h.
    """
    midnight = datetime.combine(day, time())
    times = _rule(rule, first, zone)
    starts = times.between(midnight - lasts - 2 * DAY, midnight + 2 * DAY, inc=True)
    begins = [start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for start in starts]
    return tuple((begin, begin + lasts) for begin in begins)


@lru_cache(maxsize=256)
def _rule(rule: str, first: datetime, zone: str):  # type: ignore[no-untyped-def]
    """Read the rule, by the clocks of `zone`; dateutil is imported by the first one.

    RFC 5545 has UNTIL in UTC where the beginning is by a zone's clocks; all else here is local.
    A mere day as UNTIL is taken as its end.
    """
    from dateutil.rrule import rrulestr

    def local(found: re.Match[str]) -> str:
        if found[2] is None:
            return f"{found[1]}T235959"
        until = datetime.strptime(found[1] + found[2], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return until.astimezone(ZoneInfo(zone)).strftime("%Y%m%dT%H%M%S")

    return rrulestr(_UNTIL.sub(local, rule.removeprefix("RRULE:")), dtstart=first)
