"""Coming and going: what counts as flapping, and what is remembered of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping:
    """What counts as flapping: began to fire `times` times `within` so long.

    times: 0: nothing does.  calm: it is over when nothing began or ended for this long.
    """

    times: int = 3
    within: timedelta = timedelta(minutes=15)
    calm: timedelta = timedelta(minutes=10)


NEVER = Flapping(times=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaps:
    """How often an incident began to fire of late. Changed only by `routing.alerts.flap`.

    recent: when it began, the newest last; no more of them than can decide anything.
    since:  the first of those times that count; None: it is not flapping.
    count:  how often it began since then, the first one included.
    held:   a step came due while nothing fired; it is taken when something does.
    calm:   when it stopped flapping the last time.
    All times aware UTC.
    """

    recent: tuple[datetime, ...] = ()
    since: datetime | None = None
    count: int = 0
    held: bool = False
    calm: datetime | None = None


STEADY = Flaps()
