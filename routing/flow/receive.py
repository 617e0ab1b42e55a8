"""Alerts come in: the one door, whoever tells them. One transaction for a batch."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.dedupe import newest_of, sort_out
from routing.alerts.trail import trail_of_end
from routing.flow.current import Current
from routing.flow.in_turn import InTurn
from routing.flow.inflow import Inflow
from routing.flow.moment import Moment, decided, read_moment
from routing.flow.mutes import note_sides, read_mutes, take_turns, with_mutes
from routing.flow.settle import settle
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import Clock, Steady
from storage.model.alert import Alert, AlertStatus
from storage.model.incident import Incident
from storage.model.labels import Fingerprint
from storage.model.standing import Known, Standing
from storage.sql import silences, standing
from storage.sql.database import Database

Also = Callable[[AsyncConnection], Awaitable[None]]

Enrich = Callable[[Sequence[Alert]], Awaitable[Sequence[Alert]]]
"""Adds annotations to alerts before they are taken; never fails."""
AT_ONCE = 1_000
"""Alerts whose time ran out that one transaction resolves."""
MOST_WORDS = 100_000
"""Alerts of which is remembered what their rows say, so that the same is not written again."""


class Receiver:
    """Takes alerts, remembers each, and tells the incidents that they belong to."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        playbook: Current[Playbook],
        wake: Wake,
        enrich: Enrich | None = None,
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._wake, self._enrich = playbook, wake, enrich
        self._inflow, self._turns = Inflow(self._store), InTurn()
        self._words: dict[Fingerprint, int] = {}

    async def receive(self, alerts: Sequence[Alert], *, also: Also | None = None) -> None:
        """Take a batch; of equal alerts the last counts. What is no news changes no incident.

        Everything that was told is stored when this returns, heard or not.
        also: runs in the same transaction, before it is decided; runs again after a lost race.
        Of what its source tells but once, the words on one alert are taken in their order.
        Raises StorageUnavailable: then nothing of the batch was taken.
        """
        if also is not None or any(it.expires_at for it in alerts):
            await self._receive(alerts, also)
            return
        async with self._turns.of([it.fingerprint for it in alerts]):
            await self._receive(alerts, None)

    async def _receive(self, alerts: Sequence[Alert], also: Also | None) -> None:
        told = newest_of(await self._enrich(alerts) if self._enrich else alerts)
        if also is not None:
            await self._store(told, also)
        elif any(it.expires_at for it in told.values()) or await self._is_worth_writing(told):
            await self._inflow.put(told)

    async def _store(self, told: Mapping[Fingerprint, Alert], also: Also | None = None) -> None:
        async def work(tx: AsyncConnection) -> tuple[list[Incident], list[Alert]]:
            await take_turns(tx, self._playbook())
            if also is not None:
                await also(tx)
            return await self._take(tx, told)

        changed, written = await decided(self._database, work)
        if len(self._words) + len(written) > MOST_WORDS:
            self._words.clear()
        self._words |= {it.fingerprint: _words(it) for it in written}
        self._tell(changed)

    async def expire(self) -> int:
        """Resolve what its source has not repeated in time; return how many alerts that were."""
        async with self._database.reading() as tx:
            if not await standing.expired(tx, self._clock.steady(), 1):
                return 0  # most often; no writer waits for this look
        count = 0
        while True:
            some, changed = await decided(self._database, self._expire_some)
            self._tell(changed)
            count += some
            if some < AT_ONCE:
                return count

    async def _is_worth_writing(self, told: Mapping[Fingerprint, Alert]) -> bool:
        if self._inflow.holds_any_of(told):
            return True
        async with self._database.reading() as tx:
            found = sort_out(await standing.known(tx, told), told, self._clock.utc_now())
        return bool(found.news or found.early) or any(it.expires_at for it in found.again)

    async def _take(
        self, tx: AsyncConnection, told: Mapping[Fingerprint, Alert]
    ) -> tuple[list[Incident], list[Alert]]:
        """Return the incidents that changed, and those alerts whose words were written down."""
        there = await standing.look(tx, told)
        same = {key for key, goes_on in there.items() if goes_on and _goes_on(told[key])}
        known = await standing.known(tx, there.keys() - same)
        rest = {key: alert for key, alert in told.items() if key not in same}
        found = sort_out(known, rest, self._clock.utc_now())
        again = [it for it in (*found.again, *(told[key] for key in same)) if it.expires_at]
        written = await self._again(tx, again)
        if not (found.news or found.early):
            return [], written
        moment = await read_moment(tx, self._clock, self._playbook)
        await self._remember(tx, found.early, moment)
        if not found.news:
            return [], written
        news = await _in_their_words(tx, found.news)
        return await self._settle(tx, news, known, moment), [*written, *news]

    async def _remember(self, tx: AsyncConnection, early: Sequence[Alert], moment: Moment) -> None:
        """Keep ends that came first, so that the word that it fires is late when it comes."""
        now, steady = moment.now, moment.steady
        ended = [replace(it, trail=trail_of_end(it, now)) for it in early]
        await standing.upsert_many(tx, [stands(it, now, steady) for it in ended])

    async def _again(self, tx: AsyncConnection, again: Sequence[Alert]) -> list[Alert]:
        """Note that these were told again: most often with the same words, for the same time."""
        now, steady = self._clock.utc_now(), self._clock.steady()
        others = [it for it in again if self._words.get(it.fingerprint) != _words(it)]
        await standing.refresh_many(tx, [stands(alert, now, steady) for alert in others])
        changed = {it.fingerprint for it in others}
        ends: dict[datetime | None, list[Alert]] = defaultdict(list)
        for alert in again:
            if alert.fingerprint not in changed:
                ends[alert.expires_at].append(alert)
        for same in ends.values():
            await standing.touch(tx, [it.fingerprint for it in same], stands(same[0], now, steady))
        return others

    async def _settle(
        self,
        tx: AsyncConnection,
        news: Sequence[Alert],
        known: Mapping[Fingerprint, Known],
        moment: Moment,
        *,
        expired: bool = False,
    ) -> list[Incident]:
        changed = []
        for alert in news:
            before = known.get(alert.fingerprint)
            alert = replace(alert, trail=before.trail) if before else alert
            after = stands(alert, moment.now, moment.steady, expired=expired)
            changed.append(replace(after, waiting=before.waiting) if before else after)
        over = [alert.fingerprint for alert in news if not alert.is_firing]
        for silence in await silences.uncover(tx, over):
            await silences.save(tx, replace(silence, ends_at=moment.now, updated_at=moment.now))
        began = {
            alert.fingerprint
            for alert in news
            if alert.is_firing
            and not (alert.fingerprint in known and known[alert.fingerprint].is_firing)
        }
        others = await note_sides(tx, changed, moment)
        muting = await read_mutes(tx, moment)
        heard = await with_mutes(tx, [*changed, *others], muting, moment)
        return await settle(tx, heard, began, moment, via=news[0].source)

    async def _expire_some(self, tx: AsyncConnection) -> tuple[int, list[Incident]]:
        await take_turns(tx, self._playbook())
        moment = await read_moment(tx, self._clock, self._playbook)
        found = await standing.expired(tx, moment.steady, AT_ONCE)
        if not found:
            return 0, []
        over = [
            replace(it.alert, status=AlertStatus.RESOLVED, ends_at=moment.now, expires_at=None)
            for it in found
        ]
        known = await standing.known(tx, [it.fingerprint for it in found])
        return len(found), await self._settle(tx, over, known, moment, expired=True)

    def _tell(self, changed: Sequence[Incident]) -> None:
        if changed:
            self._wake.committed(incident.id for incident in changed)


async def _in_their_words(tx: AsyncConnection, news: Sequence[Alert]) -> list[Alert]:
    """Let what is over say still what it was about, where its end alone was told."""
    bare = [it.fingerprint for it in news if not (it.is_firing or it.annotations)]
    before = await standing.by_fingerprints(tx, bare) if bare else {}
    return [
        replace(
            it,
            annotations=before[it.fingerprint].alert.annotations,
            generator_url=it.generator_url or before[it.fingerprint].alert.generator_url,
        )
        if it.fingerprint in before
        else it
        for it in news
    ]


def _goes_on(told: Alert) -> bool:
    """Say whether it is no news of an alert that fires and has data."""
    return told.is_firing and told.no_data_since is None


def _words(alert: Alert) -> int:
    """Name what else an alert says than that it fires, and until when."""
    return hash((alert.annotations, alert.value, alert.generator_url))


def stands(alert: Alert, now: datetime, steady: Steady, *, expired: bool = False) -> Standing:
    """Say how an alert stands once it has been told now; its end is waited for by elapsed time."""
    left = (alert.expires_at - now).total_seconds() if alert.expires_at else None
    expires = None if left is None else Steady(steady + left)
    return Standing(alert=alert, updated_at=now, expires=expires, expired=expired)
