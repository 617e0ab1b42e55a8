"""How often one person is rung: the first few messages alone, what follows gathered. Pure."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

from storage.clock import Steady

SOONEST = 20.0
"""Seconds at most between two messages with criticals in them, whatever `within` says."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many messages `within` seconds go one by one; `single` 0: all do."""

    single: int = 0
    within: float = 60.0

    @property
    def urgent_gap(self) -> float:
        """Seconds until criticals that were gathered go; far less than their failover takes."""
        return min(SOONEST, self.within / 3)


ONE_BY_ONE = Pace()


class Throttle:
    """Remembers what rang at each place in the last while.

    Only in memory: after a restart a place may hear a few more messages one by one.
    """

    def __init__(self) -> None:
        self._rang: dict[Hashable, list[tuple[Steady, bool]]] = defaultdict(list)

    def slots(self, place: Hashable, pace: Pace, now: Steady, *, critical: bool) -> int:
        """Return how many messages may ring at `place` now.

        critical: whether one is among those that wait. The first critical never waits, and the
        ones that follow it no longer than `urgent_gap`.
        """
        recent = self._recent(place, pace, now)
        if len(recent) < pace.single:
            return pace.single - len(recent)
        return int(critical and self._urgent_at(recent, pace, now) <= now)

    def free_at(self, place: Hashable, pace: Pace, now: Steady, *, critical: bool) -> Steady:
        """Return the soonest moment at which `slots` is more than none."""
        recent = self._recent(place, pace, now)
        if len(recent) < pace.single:
            return now
        usual = Steady(recent[-pace.single][0] + pace.within)
        return min(usual, self._urgent_at(recent, pace, now)) if critical else usual

    def rang(self, place: Hashable, now: Steady, *, critical: bool) -> None:
        """Remember that a message begins to ring there."""
        self._rang[place].append((now, critical))

    def _urgent_at(self, recent: list[tuple[Steady, bool]], pace: Pace, now: Steady) -> Steady:
        last = max((at for at, critical in recent if critical), default=None)
        return now if last is None else Steady(last + pace.urgent_gap)

    def _recent(self, place: Hashable, pace: Pace, now: Steady) -> list[tuple[Steady, bool]]:
        kept = [(at, urgent) for at, urgent in self._rang.get(place, ()) if at + pace.within > now]
        if kept:
            self._rang[place] = kept
        else:
            self._rang.pop(place, None)
        return kept
