"""Windows that come again: when does one begin and end, by whose clocks (RFC 5545)."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from storage.model.silence import Silence

Span = tuple[datetime, datetime]
DAY = timedelta(days=1)
LONGEST_WINDOW = timedelta(days=31)
_TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")


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
    found = _rule(silence.rule, _local(silence)).after(now.astimezone(zone).replace(tzinfo=None))
    if found is None or found - now.replace(tzinfo=None) > 730 * DAY:
        return None
    start = found.replace(tzinfo=zone).astimezone(UTC)
    if silence.ends_at is not None and start >= silence.ends_at:
        return None
    return start, start + (silence.lasts or timedelta(0))


def check_rule(rule: str, starts_at: datetime) -> None:
    """Raise ValueError, with a sentence for people, where `rule` is no RRULE that we follow."""
    named = f"found {rule[:80]!r}; expected an RFC 5545 rule such as FREQ=WEEKLY;BYDAY=SU"
    try:
        parsed = _rule(rule, starts_at.replace(tzinfo=None))
    except Exception as error:
        raise ValueError(f"{named}: {error}") from error
    if any(f"FREQ={often}" in rule.upper() for often in _TOO_OFTEN):
        raise ValueError(f"{named}: windows come daily or more rarely")
    if parsed.after(starts_at.replace(tzinfo=None) - DAY) is None:
        raise ValueError(f"{named}: this one never happens")


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
    starts = _rule(rule, first).between(midnight - lasts - 2 * DAY, midnight + 2 * DAY, inc=True)
    begins = [start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for start in starts]
    return tuple((begin, begin + lasts) for begin in begins)


@lru_cache(maxsize=256)
def _rule(rule: str, first: datetime):  # type: ignore[no-untyped-def]
    """Read the rule; dateutil is imported by the first window that comes again."""
    from dateutil.rrule import rrulestr

    return rrulestr(rule.removeprefix("RRULE:"), dtstart=first)
