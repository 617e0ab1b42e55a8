"""Time intervals as Alertmanager has them: is it a time at which a route is quiet, or heard?"""

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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


def active_at(intervals: Intervals, now: datetime) -> frozenset[str]:
    """Return the names of those intervals of which any entry contains `now`."""
    return frozenset(
        name for name, entries in intervals.items() if any(it.contains(now) for it in entries)
    )


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
