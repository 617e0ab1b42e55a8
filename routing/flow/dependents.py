"""Which alerts are hidden, or explained, because a service that theirs depends on is in trouble."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.depend import causes_of, hidden_of, hiders_of, key_of
from routing.delivery.surroundings import Around, services_of
from routing.flow.moment import Moment
from storage.model.alert import Alert, Severity
from storage.model.incident import IncidentId
from storage.model.labels import Fingerprint
from storage.model.silence import Mute, MuteKind, Side
from storage.model.standing import Standing
from storage.sql import inhibitions, standing


async def explained(
    tx: AsyncConnection, alerts: Sequence[Standing], moment: Moment
) -> dict[Fingerprint, Mute]:
    """Return the answer for each alert that trouble further down explains."""
    playbook = moment.playbook
    if not playbook.dependencies.hides:
        return {}
    asked = {it.fingerprint: hiders_of(it.alert, playbook) for it in alerts if it.alert.is_firing}
    causes = await _found(tx, asked)
    here = {it.fingerprint: it.alert for it in alerts}
    words = await _named(tx, set(causes.values()), here, moment)
    return {
        fingerprint: Mute(kind=MuteKind.INHIBITED, by=f"hidden by {words[cause]}", id=cause)
        for fingerprint, cause in causes.items()
    }


async def _found(
    tx: AsyncConnection, asked: Mapping[Fingerprint, Sequence[str]]
) -> dict[Fingerprint, Fingerprint]:
    """Return the first cause that fires, for each alert that has one. asked: its causes' keys."""
    fires = await inhibitions.first_sources(tx, {key for keys in asked.values() for key in keys})
    first = {
        it: next((fires[key] for key in keys if key in fires), "") for it, keys in asked.items()
    }
    return {it: Fingerprint(cause) for it, cause in first.items() if cause}


async def _named(
    tx: AsyncConnection,
    causes: Collection[Fingerprint],
    here: Mapping[Fingerprint, Alert],
    moment: Moment,
) -> dict[Fingerprint, str]:
    """Name alerts in words. here: those at hand; they need not be stored yet."""
    there = await standing.by_fingerprints(tx, set(causes) - here.keys())
    known = {key: it.alert for key, it in there.items()} | dict(here)
    return {it: _words(known[it], moment) if it in known else it for it in causes}


def _words(cause: Alert, moment: Moment) -> str:
    return f"{cause.name} of {moment.playbook.catalogue.name_of(cause.labels)}"


async def around(
    tx: AsyncConnection, every: Mapping[IncidentId, Sequence[Alert]], moment: Moment
) -> dict[IncidentId, Around]:
    """Return what else is wrong near each incident. every: the alerts of each."""
    playbook = moment.playbook
    if not playbook.dependencies:
        return {}
    firing = {id: [it for it in alerts if it.is_firing] for id, alerts in every.items()}
    named = {id: services_of(alerts, playbook.catalogue) for id, alerts in firing.items()}
    above = {
        id: {name for it in names for name in playbook.dependencies.above.get(it, ())}
        for id, names in named.items()
    }
    keys = {
        key_of(name, severity): name
        for names in above.values()
        for name in names
        for severity in Severity
    }
    hit = Counter[str]()
    for key, count in (await inhibitions.counts(tx, keys)).items():
        hit[keys[key]] += count
    due = await _due(tx, firing, moment)
    return {
        id: Around(hit={name: hit[name] for name in names if hit[name]}, due=due.get(id, ()))
        for id, names in above.items()
    }


async def _due(
    tx: AsyncConnection, firing: Mapping[IncidentId, Sequence[Alert]], moment: Moment
) -> dict[IncidentId, tuple[str, ...]]:
    """Say what may explain each incident, where nothing hides it for that."""
    playbook = moment.playbook
    asked = {
        it.fingerprint: causes_of(it, playbook)
        for alerts in firing.values()
        for it in alerts
        if not hiders_of(it, playbook)
    }
    causes = await _found(tx, asked)
    here = {it.fingerprint: it for alerts in firing.values() for it in alerts}
    words = await _named(tx, set(causes.values()), here, moment)
    found = {}
    for id, alerts in firing.items():
        own = {it.fingerprint for it in alerts}
        others = {causes.get(it) for it in own} - {None} - own
        found[id] = tuple(sorted(words[it] for it in others if it))
    return found


async def touched(
    tx: AsyncConnection,
    changed: Sequence[Standing],
    before: Collection[Side],
    after: Collection[Side],
    moment: Moment,
) -> set[Fingerprint]:
    """Return the alerts whose answer may change because causes came or went.

    before, after: the parts of `changed`; not stored yet.  A cause that joins others of its
    service changes nothing, so that a storm looks at those that it hides once.
    """
    playbook = moment.playbook
    if not playbook.dependencies.hides:
        return set()
    was = {(side.fingerprint, side.key) for side in before if side.source}
    is_ = {(side.fingerprint, side.key) for side in after if side.source}
    there = await inhibitions.first_sources(tx, {key for _, key in is_ - was})
    moved = {it for it, key in is_ - was if key not in there} | {it for it, _ in was - is_}
    keys = {
        key for it in changed if it.fingerprint in moved for key in hidden_of(it.alert, playbook)
    }
    return {side.fingerprint for side in await inhibitions.by_keys(tx, keys, source=False)}
