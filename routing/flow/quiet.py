"""Looks again whenever something that mutes alerts begins or ends: what was muted is told then."""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.depend import hides_any, hiding_key, parts_of
from routing.alerts.route import branches_of
from routing.flow.current import Current
from routing.flow.moment import Moment, decided, read_moment
from routing.flow.mutes import MutesNow, read_mutes, take_turns, with_mutes
from routing.flow.settle import settle
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import Clock
from storage.model.incident import Incident
from storage.model.standing import Standing
from storage.sql import inhibitions, meta, standing
from storage.sql.database import Database

log = structlog.get_logger()

AT_ONCE = 500
"""Alerts that one transaction looks at."""
RULES = "inhibit_rules"

Signature = tuple[object, ...]


class QuietKeeper:
    """Compares what mutes now with what did; on a change every firing alert is looked at again.

    What it did last is forgotten by a restart, so that the first look is a whole one: nothing
    that was to be told at the end of a mute is lost.
    """

    def __init__(
        self, database: Database, clock: Clock, playbook: Current[Playbook], wake: Wake
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._wake = playbook, wake
        self._done: Signature | None = None
        self._turn = asyncio.Lock()

    async def look(self) -> int:
        """Look whether anything began or ended; return how many incidents changed by it."""
        async with self._turn:
            async with self._database.reading() as tx:
                moment = await read_moment(tx, self._clock, self._playbook)
                seen = _signature(await read_mutes(tx, moment), moment)
            if seen == self._done:
                return 0
            await decided(self._database, self._note_rules)
            changed, last = 0, ""
            while page := await self._page(last):
                changed += len(page[1])
                last = page[0]
            self._done = seen
            return changed

    async def _page(self, last: str) -> tuple[str, list[Incident]] | None:
        """Look at the firing alerts behind the fingerprint `last`."""

        async def work(tx: AsyncConnection) -> tuple[str, list[Incident]] | None:
            await take_turns(tx, self._playbook())
            moment = await read_moment(tx, self._clock, self._playbook)
            muting = await read_mutes(tx, moment)
            held_back = not _can_mute(muting, moment)
            found = await standing.firing_after(tx, last, AT_ONCE, only_held_back=held_back)
            if not found:
                return None
            return found[-1].fingerprint, await self._again(tx, found, muting, moment)

        page = await decided(self._database, work)
        if page is not None and page[1]:
            self._wake.committed(incident.id for incident in page[1])
        return page

    async def _again(
        self, tx: AsyncConnection, found: list[Standing], muting: MutesNow, moment: Moment
    ) -> list[Incident]:
        after = await with_mutes(tx, found, muting, moment)
        moved = [
            now
            for now, before in zip(after, found, strict=True)
            if now.mutes != before.mutes or now.waiting or _by_time(now, moment)
        ]
        return await settle(tx, moved, (), moment, via="mutes") if moved else []

    async def _note_rules(self, tx: AsyncConnection) -> None:
        """Store the parts of all that fires anew, where the rules of inhibition are others."""
        playbook = self._playbook()
        await take_turns(tx, playbook)
        name = hiding_key(playbook)
        if await meta.get(tx, RULES) == name:
            return
        await inhibitions.forget_all(tx)
        last = ""
        while hides_any(playbook) and (some := await standing.firing_after(tx, last, AT_ONCE)):
            sides = [side for it in some for side in parts_of(it.alert, playbook)]
            await inhibitions.replace_sides(tx, [it.fingerprint for it in some], sides)
            last = some[-1].fingerprint
        await meta.put(tx, RULES, name)


def _can_mute(muting: MutesNow, moment: Moment) -> bool:
    """Say whether anything could mute an alert now; else only what was muted is looked at."""
    return bool(muting.mutes.signature() or hides_any(moment.playbook) or moment.playbook.intervals)


def _by_time(it: Standing, moment: Moment) -> bool:
    """Say whether the time of the day decides whether this alert is heard anywhere."""
    if not moment.playbook.intervals:
        return False
    ways = branches_of(it.alert.labels, moment.playbook)
    return any(way.mute or way.active for way in ways)


def _signature(muting: MutesNow, moment: Moment) -> Signature:
    playbook = moment.playbook
    ways = (playbook.routes, playbook.default, playbook.intervals) if playbook.intervals else ()
    return (muting.mutes.signature(), muting.times.on, hiding_key(playbook), ways)
