"""A process for which time runs faster than for us: its clocks, its waits, its patience.

What it computes and what others answer takes as long as ever, so it has less time for that. The
file that TAMPER_PACE names holds how many of its seconds pass in one of ours; 1 where there is
none. It is read again and again.
"""

import asyncio
import os
import selectors
import time
from pathlib import Path

LOOK = 0.02
"""Seconds between two looks into the file."""
MONOTONIC, GETTIME, WALL = time.monotonic, time.clock_gettime, time.time


class Hurry:
    """Counts by how much the process is ahead."""

    def __init__(self, file: Path) -> None:
        self._file, self._pace = file, 1.0
        self._ahead, self._at, self._looked = 0.0, MONOTONIC(), 0.0

    def ahead(self) -> float:
        """Return by how many seconds more time has passed here than outside."""
        now = MONOTONIC()
        self._ahead += (now - self._at) * (self._pace - 1.0)
        self._at = now
        if now - self._looked > LOOK:
            self._looked, self._pace = now, self._read()
        return self._ahead

    def outside(self, seconds: float) -> float:
        """Return how long our seconds are outside."""
        return seconds / self._pace

    def _read(self) -> float:
        try:
            return float(self._file.read_text() or 1)
        except (FileNotFoundError, ValueError):
            return self._pace


def hurry(file: Path) -> Hurry:
    """Let every clock of this process run at the pace in `file`, and every wait end by it."""
    import bot.app

    made = Hurry(file)
    time.monotonic = lambda: MONOTONIC() + made.ahead()
    time.clock_gettime = lambda which: GETTIME(which) + made.ahead()
    time.time = lambda: WALL() + made.ahead()

    class Selector(selectors.EpollSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            # Never long, so that a change of pace is noticed by those who wait.
            shortest = LOOK if timeout is None else min(made.outside(timeout), LOOK)
            return super().select(shortest)

    bot.app._loop = lambda: asyncio.SelectorEventLoop(Selector())
    return made


def hurried() -> Hurry | None:
    """Hurry where the environment says so."""
    return hurry(Path(os.environ["TAMPER_PACE"])) if "TAMPER_PACE" in os.environ else None
