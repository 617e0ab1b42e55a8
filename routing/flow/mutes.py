"""What keeps alerts from being heard, read in one transaction; the answers are pure elsewhere."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.depend import hides_any, own_key, parts_of
from routing.alerts.inhibit import hidden_by, sides_of
from routing.alerts.intervals import Hours, active_at
from routing.alerts.mute import Mutes
from routing.flow.dependents import explained, touched
from routing.flow.moment import Moment
from routing.playbook import Playbook
from storage.model.labels import Fingerprint
from storage.model.silence import Mute, MuteKind, Side
from storage.model.standing import Standing
from storage.sql import inhibitions, silences, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class MutesNow:
    """Everything that mutes at one moment. times: the intervals that are on."""

    mutes: Mutes
    times: Hours


async def read_mutes(tx: AsyncConnection, moment: Moment) -> MutesNow:
    """Read the silences and windows that cover this moment, and the intervals that are on."""
    made = await silences.unexpired(tx, moment.now)
    playbook = moment.playbook
    mutes = Mutes.at((*made, *playbook.maintenance), moment.now)
    return MutesNow(mutes=mutes, times=active_at(playbook.intervals, moment.now))


async def with_mutes(
    tx: AsyncConnection, alerts: Sequence[Standing], now_muting: MutesNow, moment: Moment
) -> list[Standing]:
    """Return how these alerts stand, with who mutes each; their sides must be stored by now."""
    hidden = await explained(tx, alerts, moment) | await _hidden(tx, alerts, moment)
    found = []
    for it in alerts:
        mutes: tuple[Mute, ...] = ()
        if it.alert.is_firing:
            mutes = now_muting.mutes.of(it.alert.labels)
            if it.fingerprint in hidden:
                mutes = (*mutes, hidden[it.fingerprint])
        found.append(it if it.mutes == mutes else replace(it, mutes=mutes))
    return found


async def _hidden(
    tx: AsyncConnection, alerts: Sequence[Standing], moment: Moment
) -> dict[Fingerprint, Mute]:
    """Return the answer for each alert that a firing one hides."""
    rules = moment.playbook.inhibit
    if not rules:
        return {}
    sides = {it.fingerprint: sides_of(it.alert, rules) for it in alerts}
    keys = {side.key for some in sides.values() for side in some if side.target}
    sources: dict[str, list[Side]] = defaultdict(list)
    for side in await inhibitions.by_keys(tx, keys, source=True):
        sources[side.key].append(side)
    by = {key: other for key, some in sides.items() if (other := hidden_by(some, sources))}
    names = {it.fingerprint: it.alert.name for it in alerts}
    names |= await _names(tx, set(by.values()) - names.keys())
    return {
        key: Mute(kind=MuteKind.INHIBITED, by=f"hidden by {names[other]}", id=other)
        for key, other in by.items()
    }


async def _names(tx: AsyncConnection, alerts: Collection[Fingerprint]) -> Mapping[Fingerprint, str]:
    found = await standing.by_fingerprints(tx, alerts)
    return {key: found[key].alert.name if key in found else key for key in alerts}


async def take_turns(tx: AsyncConnection, playbook: Playbook) -> None:
    """Wait until nobody else decides which alerts hide which, where any do; first of all."""
    if playbook.inhibit or playbook.dependencies.hides:
        await inhibitions.take_turns(tx)


async def note_sides(
    tx: AsyncConnection, changed: Sequence[Standing], moment: Moment
) -> list[Standing]:
    """Store the parts that alerts have in inhibitions; return others whose answer may change."""
    if not hides_any(moment.playbook):
        return []
    alerts = [it.fingerprint for it in changed]
    was = await inhibitions.of_alerts(tx, alerts)
    sides = [side for it in changed for side in parts_of(it.alert, moment.playbook)]
    others = await touched(tx, changed, was, sides, moment)
    await inhibitions.replace_sides(tx, alerts, sides)
    before = {(side.key, side.fingerprint) for side in was if side.source}
    after = {(side.key, side.fingerprint) for side in sides if side.source}
    # Those of one service do not hide each other: `touched` has said already whom they hide.
    own = {own_key(it.alert, moment.playbook) for it in changed}
    keys = {key for key, _ in before ^ after} - own
    others |= {side.fingerprint for side in await inhibitions.by_keys(tx, keys, source=False)}
    others -= set(alerts)
    return list((await standing.by_fingerprints(tx, others)).values())
