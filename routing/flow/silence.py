"""People silence alerts and plan windows: kept as rows, with a line on record for each."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.breadth import Breadth, Measure
from routing.alerts.place import worded
from routing.flow.current import Current
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import Clock
from storage.errors import NotAllowed, UnknownSilence
from storage.model.incident import IncidentId
from storage.model.labels import Fingerprint, Labels, Matcher, MatchOp
from storage.model.silence import Mute, MuteKind, Silence, SilenceId, SilenceKind, SilenceState
from storage.sql import alerts, audit, incidents, silences, standing
from storage.sql.database import Database
from storage.units import format_duration

PAGE = 1_000
Cover = tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class SilenceDesk:
    """Where silences are made, extended and ended; what they do follows at once.

    wake: rings for whoever looks what mutes now; another process looks once a second.
    """

    database: Database
    clock: Clock
    playbook: Current[Playbook]
    wake: Wake = field(default_factory=Wake)

    async def breadth(self, *covers: Sequence[Matcher]) -> Breadth:
        """Say what these lists of matchers would hide of what fires now, together."""
        measure, last = Measure(covers), ""
        async with self.database.reading() as tx:
            while page := await standing.labels_after(tx, last, PAGE):
                measure.add(page)
                last, _ = page[-1]
        return measure.breadth()

    async def matchers_of(self, wanted: Collection[IncidentId]) -> dict[Cover, list[Fingerprint]]:
        """Return what covers the alerts of each incident: the labels that all of them share.

        Incidents that share the same are one entry, with the alerts of all of them.
        Raises UnknownIncident, and NotAllowed where the alerts of one share none.
        """
        async with self.database.reading() as tx:
            known = await incidents.get_many(tx, wanted)
            if unknown := sorted(set(wanted) - known.keys()):
                await incidents.get(tx, unknown[0])
            every = await alerts.of_incidents(tx, wanted)
        found: dict[Cover, list[Fingerprint]] = {}
        for id in wanted:
            common = set(every[id][0].labels).intersection(*(it.labels for it in every[id][1:]))
            if not common:
                raise NotAllowed(
                    f"#{id}: its alerts share no label; name labels, as in `silence team=shop 2h`"
                )
            cover = tuple(Matcher(name, MatchOp.EQUAL, it) for name, it in Labels(sorted(common)))
            found.setdefault(cover, []).extend(it.fingerprint for it in every[id])
        return found

    async def make(
        self, silence: Silence, covers: Sequence[Fingerprint] = (), *, actor: str, via: str
    ) -> Silence:
        """Keep a silence and return it with its number; `id` and `uuid` are given here.

        covers: of one "until resolved": the alerts that it waits for.
        Raises NotAllowed where it would last longer than the configuration allows.
        """
        (made,) = await self.make_many([(silence, covers)], actor=actor, via=via)
        return made

    async def make_many(
        self,
        wanted: Sequence[tuple[Silence, Sequence[Fingerprint]]],
        *,
        actor: str,
        via: str,
    ) -> list[Silence]:
        """Keep several silences, all of them or none; as `make`."""
        for silence, _ in wanted:
            self._check_end(silence)
        made = []
        async with self._changing() as tx:
            for silence, covers in wanted:
                waits = await _still_firing(tx, covers)
                if silence.until_resolved and not waits:
                    raise NotAllowed("what this covered has been resolved meanwhile")
                made.append(await silences.create(tx, replace(silence, uuid=str(uuid4())), waits))
                await self._record(tx, "silenced", f"{described(made[-1])} by {actor}", actor, via)
        return made

    async def get(self, id: SilenceId) -> Silence:
        """Return a silence or a window; raises UnknownSilence."""
        async with self.database.reading() as tx:
            return await silences.get(tx, id)

    async def extend(self, id: SilenceId, by: timedelta, *, actor: str, via: str) -> Silence:
        """Let a silence or a window last longer; raises UnknownSilence.

        NotAllowed where it is over, comes again, or would last too long.
        """
        async with self._changing() as tx:
            before = await self._running(tx, id)
            if before.rule:
                raise NotAllowed(f"{_named(before)} comes again: end it, and plan another")
            if before.ends_at is None:
                raise NotAllowed(f"{_named(before)} has no end")
            after = replace(
                before,
                ends_at=before.ends_at + by,
                lasts=before.lasts + by if before.lasts else None,
                updated_at=self.clock.utc_now(),
            )
            self._check_end(after)
            await silences.save(tx, after)
            because = f"{_named(after)} extended by {actor}: until {_time(after.ends_at)}"
            await self._record(tx, "extended", because, actor, via)
        return after

    async def change(self, uuid: str, wanted: Silence, *, actor: str, via: str) -> Silence:
        """Make one known by its uuid as `wanted` says, the way Alertmanager does; return it.

        Its end and its comment change in place, its beginning too while that lies ahead. With
        other matchers, when it is over, or when what has begun is to begin later, another takes
        its place.
        What its clients know nothing of stays: that it ends with what it covers, that it is a
        maintenance. A window that comes again is no silence of theirs, and is not changed.
        Raises UnknownSilence, and NotAllowed for such a window or where it would last too long.
        """
        self._check_end(wanted)
        async with self._changing() as tx:
            before = await silences.by_uuid(tx, uuid)
            if before is None:
                raise UnknownSilence(f"silence {uuid[:80]} not found")
            now = self.clock.utc_now()
            state = before.state(now)
            if before.rule and state is not SilenceState.EXPIRED:
                raise NotAllowed(f"{_named(before)} comes again: end it, and plan another in chat")
            if _stays(before, wanted, now):
                after = _changed(before, wanted, now)
                await silences.save(tx, after)
                because = f"{described(after)} changed by {actor}"
                await self._record(tx, "extended", because, actor, via)
                return after
            if state is not SilenceState.EXPIRED:
                over = replace(before, starts_at=min(before.starts_at, now), ends_at=now)
                await silences.save(tx, replace(over, updated_at=now))
            made = await silences.create(tx, replace(wanted, uuid=str(uuid4())))
            because = f"{described(made)} by {actor}, in place of {_named(before)}"
            await self._record(tx, "silenced", because, actor, via)
        return made

    async def expire(self, id: SilenceId, *, actor: str, via: str) -> Silence:
        """End a silence now; raises UnknownSilence, NotAllowed where it is over."""
        (ended,) = await self.expire_many([id], actor=actor, via=via)
        return ended

    async def expire_many(self, ids: Sequence[SilenceId], *, actor: str, via: str) -> list[Silence]:
        """End several silences now, all of them or none; as `expire`."""
        ended = []
        async with self._changing() as tx:
            for id in ids:
                before, now = await self._running(tx, id), self.clock.utc_now()
                starts = min(before.starts_at, now)
                ended.append(replace(before, starts_at=starts, ends_at=now, updated_at=now))
                await silences.save(tx, ended[-1])
                because = f"{_named(ended[-1])} ended by {actor}"
                await self._record(tx, "ended", because, actor, via)
        return ended

    async def listed(self, kind: SilenceKind) -> list[tuple[Silence, int]]:
        """Return what is not over, and how many firing alerts each hides now."""
        async with self.database.reading() as tx:
            found = await hiding(tx, self.clock.utc_now(), self.playbook().maintenance)
        return [(it, count) for it, count in found.each if it.kind is kind]

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; once it is committed, what mutes is looked at."""
        async with self.database.transaction() as tx:
            yield tx
        self.wake.muting.set()

    async def _running(self, tx: AsyncConnection, id: SilenceId) -> Silence:
        found = await silences.get(tx, id)
        if found.state(self.clock.utc_now()) is SilenceState.EXPIRED:
            raise NotAllowed(f"{_named(found)} is over already, since {_time(found.ends_at)}")
        return found

    def _check_end(self, silence: Silence) -> None:
        longest, now = self.playbook().limits.longest, self.clock.utc_now()
        begin = max(now, silence.starts_at)
        if silence.rule:
            return
        if silence.ends_at is None or silence.ends_at - begin > longest:
            raise NotAllowed(
                f"a {silence.kind} lasts {format_duration(longest)} at most "
                "(alerts.silences.longest)"
            )

    async def _record(
        self,
        tx: AsyncConnection,
        what: str,
        because: str,
        actor: str,
        via: str,
    ) -> None:
        await audit.append(
            tx,
            incident=None,
            at=self.clock.utc_now(),
            actor=actor,
            via=via,
            what=what,
            because=because,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """What people and the configuration hide. each: with how many firing alerts it hides.

    alerts: how many they hide in all; what two of them hide counts once.
    """

    each: tuple[tuple[Silence, int], ...]
    alerts: int


async def hiding(tx: AsyncConnection, now: datetime, planned: Sequence[Silence]) -> Hiding:
    """Return what is not over of what people made and of the windows `planned` elsewhere."""
    found = [*await silences.unexpired(tx, now), *planned]
    muted = await standing.mutes_of_firing(tx)
    counted = Counter(mute.id for mutes in muted for mute in mutes)
    known = {it.uuid for it in found}
    hidden = sum(any(mute.id in known for mute in mutes) for mutes in muted)
    return Hiding(each=tuple((it, counted[it.uuid]) for it in found), alerts=hidden)


async def _still_firing(
    tx: AsyncConnection, alerts: Sequence[Fingerprint]
) -> Sequence[Fingerprint]:
    stands = await standing.known(tx, alerts) if alerts else {}
    return [key for key in alerts if key in stands and stands[key].is_firing]


def _stays(before: Silence, wanted: Silence, now: datetime) -> bool:
    """Say whether a silence can become as `wanted` and still be the same one."""
    state = before.state(now)
    begins_later = state is SilenceState.ACTIVE and wanted.starts_at > now
    is_over = state is SilenceState.EXPIRED
    return not (is_over or begins_later) and before.matchers == wanted.matchers


def _changed(before: Silence, wanted: Silence, now: datetime) -> Silence:
    begun = before.state(now) is SilenceState.ACTIVE
    starts = before.starts_at if begun else wanted.starts_at
    lasts = wanted.ends_at - starts if before.lasts and wanted.ends_at else before.lasts
    return replace(
        before,
        starts_at=starts,
        ends_at=wanted.ends_at,
        lasts=lasts,
        created_by=wanted.created_by,
        comment=wanted.comment,
        updated_at=now,
    )


def described(silence: Silence) -> str:
    """Say what a silence covers and until when: `silence 12 on team="shop" until ...: note`."""
    covers = ", ".join(map(str, silence.matchers))
    end = "" if silence.ends_at is None else f" until {_time(silence.ends_at)}"
    if silence.until_resolved:
        end = f" until resolved, at the latest{end}"
    if silence.rule:
        end = f" from {_time(silence.starts_at)}, {silence.rule}"
    note = f": {silence.comment}" if silence.comment else ""
    return f"{_named(silence)} on {covers}{end}{note}"


def _named(silence: Silence) -> str:
    return f"{silence.kind} {silence.id}"


def _time(at: datetime | None) -> str:
    end = Mute(kind=MuteKind.SILENCE, by="", until=at)
    return worded(end).removeprefix(" until ")
