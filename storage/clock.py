"""The only place that reads a clock.

Two readings, never mixed up. `utc_now` is what people call the time: it goes into records and
may jump when somebody sets the clock. `steady` only ever moves forward at one second a second:
waits, leases and back-off are measured by it, so that no escalation is early, late or repeated
because the wall clock jumped.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NewType, Protocol

Steady = NewType("Steady", float)
"""Seconds on the steady scale: near Unix time when the machine booted its first Tocsin, then
carried by the boot-time clock (suspension counts), whatever happens to the wall clock."""


class Clock(Protocol):
    """What the shells ask for the time; the core gets `now` as an argument."""

    def utc_now(self) -> datetime:
        """Return the wall clock's time, aware UTC; for records."""
        ...

    def steady(self) -> Steady:
        """Return elapsed time on a scale that survives a restart; for waits."""
        ...


class SystemClock:
    """The machine's clocks.

    offset: what to add to the boot-time clock to get the steady scale. A new boot starts a new
            scale at the wall clock; a restart within one boot keeps the old offset, so that
            waits written before the restart still mean the same moment.
    """

    def __init__(self, offset: float | None = None) -> None:
        self.offset = time.time() - _boottime() if offset is None else offset

    def utc_now(self) -> datetime:
        """Return the wall clock's time, aware UTC."""
        return datetime.now(UTC)

    def steady(self) -> Steady:
        """Return seconds on the steady scale."""
        return Steady(_boottime() + self.offset)


def _boottime() -> float:
    """Seconds since boot, suspension included where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def boot_id() -> str:
    """Name this boot of this machine; an empty text where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def utc(unix_seconds: float) -> datetime:
    """Turn Unix seconds into an aware UTC time."""
    return datetime.fromtimestamp(unix_seconds, UTC)
