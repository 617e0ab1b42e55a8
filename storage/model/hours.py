"""Hours of the day in somebody's time zone, over midnight too, whatever the clocks do."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From `start` to `end` by the clocks of `zone`: `22:00` to `07:00` is over midnight.

    start is in it, end is not; whole minutes; the two differ.   zone: an IANA name.
    """

    start: time
    end: time
    zone: str = "UTC"

    def cover(self, at: datetime) -> bool:
        """Say whether `at` (aware) lies in these hours, as the clocks on the wall there show it."""
        now = at.astimezone(ZoneInfo(self.zone)).time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def end_after(self, at: datetime) -> datetime:
        """Return when the hours that cover `at` end, aware UTC; `at` itself where none do.

        On the days on which clocks are changed it is the moment that the wall shows, not a
        count of hours.
        """
        return _end_after(self, at) if self.cover(at) else at.astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone}"


@lru_cache(maxsize=256)  # a storm asks for the same moment a thousand times
def _end_after(hours: Hours, at: datetime) -> datetime:
    zone = ZoneInfo(hours.zone)
    here, now = at.astimezone(zone), at.astimezone(UTC)
    left = (_since_midnight(hours.end) - _since_midnight(here.time())) % DAY
    found = now + left
    if found.astimezone(zone).utcoffset() == here.utcoffset():
        return found
    found = now.replace(second=0, microsecond=0)
    while hours.cover(found):
        found += MINUTE
    return found


def _since_midnight(at: time) -> timedelta:
    return timedelta(
        hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond
    )
