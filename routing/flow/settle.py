"""Alerts changed, or their mutes did: rows say so, and the incidents concerned hear of it."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.group import come_to, summed_up
from routing.alerts.intervals import Hours, active_at
from routing.alerts.mute import by_time_on
from routing.alerts.place import place_of
from routing.alerts.route import Branch, branches_of
from routing.alerts.trail import Scribe
from routing.flow.carry_out import carry_out
from routing.flow.moment import Moment
from routing.incidents.decide import Decision
from routing.incidents.machine import begin, belongs, transition
from routing.incidents.muting import shown_anew
from storage.model.alert import Alert
from storage.model.flaps import STEADY
from storage.model.incident import Incident, IncidentId
from storage.model.labels import Fingerprint
from storage.model.policy import Policy
from storage.model.silence import Mute
from storage.model.standing import Standing
from storage.sql import alerts as alert_rows
from storage.sql import incidents, standing

BREATH = 100
"""Alerts after which others get a turn."""


@dataclass(slots=True)
class Tidings:
    """Who is to hear of what: incidents that have an alert, and groups by their keys."""

    incidents: dict[IncidentId, list[Alert]]
    groups: dict[str, list[Alert]]
    policies: dict[str, Policy]


async def settle(
    tx: AsyncConnection,
    changed: Sequence[Standing],
    began: Collection[Fingerprint],
    moment: Moment,
    *,
    via: str,
) -> list[Incident]:
    """Store how alerts stand, find the incidents that hear of it and let the machine decide.

    changed: alerts that changed; each once.  began: those of them that did not fire before.
    Returns the incidents that changed. Raises StaleIncident where another writer was faster.
    """
    times = active_at(moment.playbook.intervals, moment.now)
    held = await alert_rows.holders(tx, [it.fingerprint for it in changed])
    tidings = Tidings(defaultdict(list), defaultdict(list), {})
    tree, scribe = moment.roster.tree, Scribe(moment.playbook, moment.now)
    stands = []
    for number, it in enumerate(changed, 1):
        if number % BREATH == 0:
            await asyncio.sleep(0)  # nobody waits for the whole of a large batch
        ways = {way.group: way for way in tree.branches(it.alert.labels)}
        tidings.policies |= {group: way.policy for group, way in ways.items()}
        by_time_too = _times(it, ways.values(), times)
        every = (*it.mutes, *by_time_too)
        alert = scribe.noted(it, it.fingerprint in began, ways.values(), every)
        place = place_of(
            alert,
            held[it.fingerprint],
            began=it.fingerprint in began,
            waiting=it.waiting,
            routed=list(ways),
            mute_in=partial(_mute_in, it.mutes, ways, times),
        )
        for incident, heard in place.told:
            tidings.incidents[incident].append(heard)
        for group in place.groups:
            tidings.groups[group].append(alert)
        stands.append(replace(it, alert=alert, waiting=place.waiting, mutes=every))
    await standing.upsert_many(tx, stands)
    decisions = await _decided(tx, tidings, moment)
    return await carry_out(tx, decisions, moment, actor="tocsin", via=via)


async def _decided(tx: AsyncConnection, tidings: Tidings, moment: Moment) -> list[Decision]:
    """Let each incident that has news decide; a group without one that it belongs to opens one."""
    latest = await incidents.latest_of_groups(tx, tidings.groups)
    opening: dict[str, list[Alert]] = {}
    for group, alerts in tidings.groups.items():
        home = latest.get(group)
        if home is not None and belongs(home, moment.now):
            tidings.incidents[home.id] += alerts
        else:
            opening[group] = alerts
    decisions = []
    for number, (group, alerts) in enumerate(opening.items(), 1):
        policy = tidings.policies.get(group)
        decisions.append(_opened(group, policy, alerts, moment, latest.get(group)))
        if number % BREATH == 0:
            await asyncio.sleep(0)
    return decisions + await _changed(tx, tidings.incidents, moment)


def _times(it: Standing, ways: Iterable[Branch], times: Hours) -> tuple[Mute, ...]:
    """Return the times of the day that mute an alert on any of its ways, each once."""
    if not it.alert.is_firing:
        return ()
    found = (by_time_on(way, times) for way in ways)
    return tuple(dict.fromkeys(mute for mute in found if mute))


def _mute_in(
    mutes: Sequence[Mute], ways: Mapping[str, Branch], times: Hours, group: str
) -> Mute | None:
    """Say who mutes an alert in one group: somebody everywhere, or the time there."""
    if mutes:
        return mutes[0]
    way = ways.get(group)
    return by_time_on(way, times) if way else None


def _opened(
    group: str,
    policy: Policy | None,
    alerts: Sequence[Alert],
    moment: Moment,
    last: Incident | None,
) -> Decision:
    by = policy or branches_of(alerts[0].labels, moment.playbook)[0].policy
    flaps = last.flaps if last else STEADY
    change = begin(IncidentId(0), group, summed_up(alerts), by, moment.now, flaps)
    return replace(moment.follow(None, change), alerts=tuple(alerts))


async def _changed(
    tx: AsyncConnection, joining: Mapping[IncidentId, Sequence[Alert]], moment: Moment
) -> list[Decision]:
    """Store the news with its incidents, then let each decide by what all its alerts come to."""
    found = await incidents.get_many(tx, joining)
    await alert_rows.upsert_many(tx, [(id, it) for id, news in joining.items() for it in news])
    tallies = await alert_rows.tallies(tx, joining)
    decisions = []
    for id, news in joining.items():
        incident = found[id]
        change = transition(incident, come_to(tallies[id], news[-1]), moment.now)
        change = shown_anew(incident, change)
        decisions.append(replace(moment.follow(incident, change), alerts=tuple(news)))
    return decisions
