"""Times that come again, in cron's words; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

EXPECTED = "expected cron's five fields (minute hour day month weekday), such as 0 9 * * mon-fri"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A cron expression and the zone whose clock it means.

    Where the clock is set, it does as Debian's cron: what falls into the hour that is left out
    comes right behind it, and what falls into the doubled hour comes once, unless it comes every
    hour anyway. cron: five fields.  timezone: an IANA name.
    """

    cron: str
    timezone: str = "UTC"

    def after(self, at: datetime) -> Iterator[datetime]:
        """Iterate over the times later than `at`, aware UTC; it ends where none is left."""
        from cronsim import CronSim

        local = at.astimezone(ZoneInfo(self.timezone))
        times = (time.astimezone(UTC) for time in CronSim(self.cron, local))
        return (time for time in times if time > at)

    def next_after(self, at: datetime) -> datetime | None:
        """Return the first time later than `at`, aware UTC; None where there is none."""
        return next(self.after(at), None)

    def last_between(self, start: datetime, end: datetime) -> datetime | None:
        """Return the last time in (start, end], aware UTC; None where it holds none."""
        return max(takewhile(lambda time: time <= end, self.after(start)), default=None)


def parse_cron(text: str) -> str:
    """Return `text` where it is cron's five fields and names a time; raises ValueError."""
    from cronsim import CronSim, CronSimError

    written = " ".join(text.split())
    if len(written.split()) != 5:
        raise ValueError(f"found {text[:80]!r}; {EXPECTED}")
    try:
        first = next(CronSim(written, datetime(2024, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise ValueError(f"found {text[:80]!r} ({error}); {EXPECTED}") from error
    if first is None:
        raise ValueError(f"found {text[:80]!r}, which never comes; {EXPECTED}")
    return written
