"""Alerts come in: the one door, whoever tells them. One transaction for a batch."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.group import is_news, summed_up
from routing.alerts.route import GroupKey, group_of, policy_of
from routing.flow.carry_out import carry_out
from routing.flow.current import Current
from routing.flow.moment import Moment, decided, read_moment
from routing.flow.wake import Wake
from routing.incidents.decide import Decision
from routing.incidents.machine import begin, belongs, transition
from routing.playbook import Playbook
from storage.clock import Clock
from storage.model.alert import Alert
from storage.model.incident import Incident, IncidentId
from storage.model.labels import Fingerprint
from storage.sql import alerts as alert_rows
from storage.sql import incidents
from storage.sql.database import Database

Known = Mapping[Fingerprint, tuple[IncidentId, Alert]]
Joining = tuple[Incident, list[Alert]]
Also = Callable[[AsyncConnection], Awaitable[None]]


class Receiver:
    """Takes alerts, finds the incident that they belong to, and lets the machine decide."""

    def __init__(
        self, database: Database, clock: Clock, playbook: Current[Playbook], wake: Wake
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._wake = playbook, wake

    async def receive(self, alerts: Sequence[Alert], *, also: Also | None = None) -> None:
        """Take a batch; of equal alerts the last counts. What is no news changes nothing.

        also: runs in the same transaction, before it is decided; runs again after a lost race.
        Raises StorageUnavailable: then nothing of the batch was taken.
        """
        told = {alert.fingerprint: alert for alert in alerts}
        if also is None and not (told and await self._has_news(told)):
            return

        async def work(tx: AsyncConnection) -> list[Incident]:
            if also is not None:
                await also(tx)
            return await self._take(tx, told)

        changed = await decided(self._database, work)
        if changed:
            self._wake.committed(incident.id for incident in changed)

    async def _has_news(self, told: Mapping[Fingerprint, Alert]) -> bool:
        async with self._database.reading() as tx:
            return bool(_news(told, await alert_rows.by_fingerprints(tx, told)))

    async def _take(self, tx: AsyncConnection, told: Mapping[Fingerprint, Alert]) -> list[Incident]:
        known = await alert_rows.by_fingerprints(tx, told)
        news = _news(told, known)
        if not news:
            return []
        moment = await read_moment(tx, self._clock, self._playbook)
        joining, opening = await _homes(tx, news, known, moment)
        decisions = [_opened(key, alerts, moment) for key, alerts in opening.items()]
        decisions += await _changed(tx, joining, moment)
        via = news[0].source
        return await carry_out(tx, decisions, moment, actor="tocsin", via=via)


def _news(told: Mapping[Fingerprint, Alert], known: Known) -> list[Alert]:
    return [
        alert
        for fingerprint, alert in told.items()
        if is_news(known[fingerprint][1] if fingerprint in known else None, alert)
    ]


async def _homes(
    tx: AsyncConnection, news: Sequence[Alert], known: Known, moment: Moment
) -> tuple[list[Joining], dict[GroupKey, list[Alert]]]:
    """Sort alerts by the incident that they join, or by the group that gets a new one.

    An alert stays where it is while its incident is open, even if routes changed meanwhile;
    one that resolves goes where it fired.
    """
    owners = await incidents.get_many(tx, {id for id, _ in known.values()})
    keys = {alert.fingerprint: group_of(alert.labels, moment.playbook) for alert in news}
    latest = await incidents.latest_of_groups(tx, {str(key) for key in keys.values()})
    joining: dict[IncidentId, Joining] = {}
    opening: dict[GroupKey, list[Alert]] = defaultdict(list)
    for alert in news:
        key = keys[alert.fingerprint]
        owner = _owner(alert, known, owners)
        home = owner or latest.get(str(key))
        if home and (owner or belongs(home, moment.now) or not alert.is_firing):
            joining.setdefault(home.id, (home, []))[1].append(alert)
        else:
            opening[key].append(alert)
    return list(joining.values()), opening


def _owner(alert: Alert, known: Known, owners: Mapping[IncidentId, Incident]) -> Incident | None:
    """Return the incident that has the alert now, if one has."""
    if alert.fingerprint not in known:
        return None
    id, before = known[alert.fingerprint]
    owner = owners[id]
    return owner if owner.status.is_open or before.is_firing else None


def _opened(key: GroupKey, alerts: Sequence[Alert], moment: Moment) -> Decision:
    policy = policy_of(key, moment.playbook)
    change = begin(IncidentId(0), str(key), summed_up(alerts), policy, moment.now)
    return replace(moment.follow(None, change), alerts=tuple(alerts))


async def _changed(
    tx: AsyncConnection, joining: Sequence[Joining], moment: Moment
) -> list[Decision]:
    every = await alert_rows.of_incidents(tx, [incident.id for incident, _ in joining])
    decisions = []
    for incident, news in joining:
        standing = {alert.fingerprint: alert for alert in (*every[incident.id], *news)}
        change = transition(incident, summed_up(list(standing.values())), moment.now)
        decisions.append(replace(moment.follow(incident, change), alerts=tuple(news)))
    return decisions
