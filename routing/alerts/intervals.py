"""Time intervals as Alertmanager has them: is it a time at which a route is quiet, or heard?"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import merge
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Range(NamedTuple):
    """From one number to another."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """One entry of a time interval; an empty list sets no limit, all of those set must hold.

    minutes:       minutes of the day, [from, to).
    weekdays:      0 Sunday to 6 Saturday, both ends count.  months: 1 to 12.  years: as written.
    days_of_month: 1 to 31; negative ones count from the month's end, -1 is its last day.
    zone:          by whose clocks.
    """

    minutes: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days_of_month: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    zone: str = "UTC"

    def contains(self, now: datetime) -> bool:
        """Say whether `now` (aware) is within; it is told by the clocks of `zone`."""
        here = now.astimezone(ZoneInfo(self.zone))
        minute = here.hour * 60 + here.minute
        return (
            (not self.minutes or any(start <= minute < end for start, end in self.minutes))
            and _within(self.weekdays, here.isoweekday() % 7)
            and (not self.days_of_month or _is_day(self.days_of_month, here))
            and _within(self.months, here.month)
            and _within(self.years, here.year)
        )


Intervals = Mapping[str, Sequence[Times]]
DAYS_AHEAD = 370
"""How far ahead the end of a quiet time is looked for."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Which time intervals contain the present moment, and when a quiet time ends.

    on: names of those that do.
    """

    intervals: Intervals
    now: datetime
    on: frozenset[str]

    def heard_at(self, mute: Sequence[str], active: Sequence[str]) -> datetime | None:
        """Return the first moment behind now at which none of `mute` is on and one of `active` is.

        Aware UTC, to the minute; without `active` any time will do. None: not within a year.
        """
        quiet = tuple(it for name in mute for it in self.intervals.get(name, ()))
        loud = tuple(it for name in active for it in self.intervals.get(name, ()))
        return _heard_at(quiet, loud, self.now.astimezone(UTC).replace(second=0, microsecond=0))


def active_at(intervals: Intervals, now: datetime) -> Hours:
    """Say of which intervals any entry contains `now`."""
    on = (name for name, entries in intervals.items() if any(it.contains(now) for it in entries))
    return Hours(intervals, now, frozenset(on))


@lru_cache(maxsize=256)
def _heard_at(quiet: tuple[Times, ...], loud: tuple[Times, ...], now: datetime) -> datetime | None:
    for at in merge(*(_edges(times, now) for times in {*quiet, *loud})):
        hushed = at <= now or any(times.contains(at) for times in quiet)
        if not hushed and (not loud or any(times.contains(at) for times in loud)):
            return at
    return None


def _edges(times: Times, now: datetime) -> Iterator[datetime]:
    """Yield every moment from today on at which `times` may begin or end, in order."""
    zone = ZoneInfo(times.zone)
    today = now.astimezone(zone).date()
    minutes = {0, *(edge for span in times.minutes for edge in span)}
    for day in (today + timedelta(days=n) for n in range(DAYS_AHEAD)):
        begin, end = _wall(day, 0, zone), _wall(day + timedelta(days=1), 0, zone)
        moments = {_wall(day, minute, zone, fold) for minute in minutes for fold in (0, 1)}
        if end - begin != timedelta(days=1):  # the clocks are set: any hour of it may be an edge
            moments.update(begin + timedelta(hours=hour) for hour in range(26))
        yield from sorted(moment for moment in moments if begin <= moment < end)


def _wall(day: date, minute: int, zone: ZoneInfo, fold: int = 0) -> datetime:
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _within(ranges: Iterable[Range], value: int) -> bool:
    limits = tuple(ranges)
    return not limits or any(first <= value <= last for first, last in limits)


def _is_day(ranges: Iterable[Range], here: datetime) -> bool:
    days = monthrange(here.year, here.month)[1]
    for first, last in ranges:
        start = first if first > 0 else days + first + 1
        end = last if last > 0 else days + last + 1
        if max(start, 1) <= here.day <= min(end, days) and start <= days:
            return True
    return False
