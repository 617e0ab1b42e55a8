"""What one transaction decides by, and how it begins again after a lost race."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.current import Current
from routing.incidents.decide import Decision, follow
from routing.incidents.effects import PageStep, Transition
from routing.oncall.expand import Ring, Roster, rings_of
from routing.playbook import Playbook
from storage.clock import Clock, Steady
from storage.errors import StaleIncident
from storage.model.incident import Incident
from storage.sql import overrides
from storage.sql.database import Database

T = TypeVar("T")
RACES = 5
BREATH = 0.02
"""Seconds; the longest rest after the first lost race, twice that after the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The time and the roster of one transaction."""

    now: datetime
    steady: Steady
    roster: Roster

    @property
    def playbook(self) -> Playbook:
        """The playbook in force."""
        return self.roster.playbook

    def follow(self, before: Incident | None, change: Transition) -> Decision:
        """Think a transition through to its end."""
        return follow(before, change, self._expand, self.now)

    def _expand(self, incident: Incident, page: PageStep) -> tuple[Ring, ...]:
        return rings_of(incident, page, self.roster)

    def wall(self, at: Steady) -> datetime:
        """Return the wall-clock time of a steady moment, as far as can be said now."""
        return self.now + timedelta(seconds=at - self.steady)


async def read_moment(tx: AsyncConnection, clock: Clock, playbook: Current[Playbook]) -> Moment:
    """Read the clock, the playbook in force and the overrides that run."""
    now = clock.utc_now()
    running = await overrides.active(tx, now)
    roster = Roster(playbook=playbook(), overrides=running, now=now)
    return Moment(now=now, steady=clock.steady(), roster=roster)


async def decided(database: Database, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run `work` in one transaction; after a lost race decide again on what the winner left.

    Raises StaleIncident after losing five.
    """
    for race in range(RACES):
        try:
            async with database.transaction() as tx:
                return await work(tx)
        except StaleIncident:
            # Where writers do not take turns (PostgreSQL), those who met must not meet again.
            await asyncio.sleep(random.random() * BREATH * 2**race)
    raise StaleIncident(f"{RACES} other writers were faster; try again")
