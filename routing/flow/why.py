"""Reads what says why an alert was heard or not; `routing.why` puts it into sentences."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.alerts.group import urgent_first
from routing.alerts.trail import episodes_of, ways_now
from routing.flow.desks import Desks
from routing.flow.moment import Moment, read_moment
from routing.told import Case, Context, Point, headline, way_of_incident
from routing.why import answer_of, way_of_alert
from storage.model.alert import Alert
from storage.model.incident import Incident, IncidentId, Status
from storage.model.labels import Fingerprint
from storage.model.timer import TimerKind
from storage.sql import alerts, audit, incidents, outbox, silences, standing, timers, tracing
from storage.sql.tracing import Hidden

MOST_ALERTS, MOST_INCIDENTS, MOST_HIDDEN, MOST_UNTOLD = 5, 2, 10, 10
LATELY = timedelta(days=1)
"""How far back it is looked for what nobody was told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The way of one alert. answer: whether anybody heard of it, in a sentence.

    case: the newest incident that was told of it.
    """

    alert: Alert
    answer: str
    points: tuple[Point, ...]
    case: Case | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentWhy:
    """Why an incident was told as it was.

    headline: who was asked, or why nobody was.   left_out: alerts beyond those told.
    """

    case: Case
    headline: str
    points: tuple[Point, ...]
    alerts: tuple[Story, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Alerts that were meant. others: further ones, not told in full."""

    stories: tuple[Story, ...]
    others: tuple[Alert, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What is not heard now, and what was not heard lately.

    firing, muted: how many alerts.  hidden: those muted, by who mutes them.
    waiting: open incidents of which nobody was asked, each with its reason.
    quiet:   how many incidents people ended that fire still;  ended: the newest of these.
    untold:  (when it began, what, why): incidents and alerts of which no message went out.
    """

    firing: int
    muted: int
    hidden: tuple[tuple[Hidden, Alert], ...]
    waiting: tuple[tuple[Incident, str], ...]
    quiet: int
    ended: tuple[Incident, ...]
    untold: tuple[Point, ...]


async def why_incident(desks: Desks, id: IncidentId) -> IncidentWhy:
    """Look into one incident; raises UnknownIncident."""
    async with desks.database.reading() as tx:
        moment = await read_moment(tx, desks.clock, desks.playbook)
        incident = await incidents.get(tx, id)
        (case,) = await _cases(tx, [incident], moment)
        found = (await alerts.most_urgent(tx, {id: incident.total}, MOST_ALERTS))[id]
        first = urgent_first(found)
        context = await _context(tx, first, moment)
    return IncidentWhy(
        case=case,
        headline=headline(case, context),
        points=way_of_incident(case, context),
        alerts=tuple(_story(alert, [case], context, moment) for alert in first),
        left_out=max(0, incident.total - len(first)),
    )


async def why_alerts(
    desks: Desks, pairs: Sequence[tuple[str, str]], *, fingerprint: str = "", most: int = 1
) -> Found:
    """Look into alerts by their labels, or by how their fingerprint begins."""
    async with desks.database.reading() as tx:
        moment = await read_moment(tx, desks.clock, desks.playbook)
        keys = await tracing.find(tx, pairs, fingerprint=fingerprint, limit=20)
        known = await standing.by_fingerprints(tx, keys)
        meant = [known[key] for key in keys]
        context = await _context(tx, [it.alert for it in meant[:most]], moment)
        stories = []
        for it in meant[:most]:
            ids = await tracing.incidents_with(tx, it.fingerprint, MOST_INCIDENTS)
            held = await incidents.get_many(tx, ids)
            told = await _cases(tx, [held[id] for id in ids if id in held], moment)
            repeated = it.updated_at if it.alert.is_firing else None
            stories.append(_story(it.alert, told, context, moment, repeated))
    return Found(stories=tuple(stories), others=tuple(it.alert for it in meant[most:]))


def _story(
    alert: Alert,
    told: Sequence[Case],
    context: Context,
    moment: Moment,
    repeated: datetime | None = None,
) -> Story:
    now = ways_now(alert.labels, moment.playbook)
    points = way_of_alert(alert, context, told=told, repeated=repeated, routed_now=now)
    answer = answer_of(alert, told, context)
    return Story(alert=alert, answer=answer, points=points, case=told[0] if told else None)


async def overview(desks: Desks) -> Overview:
    """Look at everything that is not heard now, and at what lately was not."""
    async with desks.database.reading() as tx:
        moment = await read_moment(tx, desks.clock, desks.playbook)
        since = moment.now - LATELY
        muted, hidden = await tracing.hidden(tx, MOST_HIDDEN)
        examples = await standing.by_fingerprints(tx, [it.example for it in hidden])
        silent = await tracing.unheard_incidents(tx, since, MOST_UNTOLD)
        quiet, ended = await tracing.quiet_incidents(tx, MOST_HIDDEN)
        found = await incidents.get_many(tx, {*silent, *ended})
        cases = await _cases(tx, [found[id] for id in silent], moment)
        unheard = await standing.by_fingerprints(
            tx, await tracing.unheard_alerts(tx, since, MOST_UNTOLD)
        )
        over = [it.alert for it in unheard.values()]
        context = await _context(tx, over, moment)
        firing = await standing.count_firing(tx)
    waiting = [case for case in cases if case.incident.status.is_open]
    untold = [_untold_incident(case, context) for case in cases if case not in waiting]
    untold += [_untold_alert(alert, context) for alert in over]
    untold.sort(key=lambda point: point.at or moment.now, reverse=True)
    return Overview(
        firing=firing,
        muted=muted,
        hidden=tuple((it, examples[it.example].alert) for it in hidden if it.example in examples),
        waiting=tuple((case.incident, headline(case, context)) for case in waiting),
        quiet=quiet,
        ended=tuple(found[id] for id in ended),
        untold=tuple(untold[:MOST_UNTOLD]),
    )


def _untold_incident(case: Case, context: Context) -> Point:
    incident = case.incident
    topic = f"#{incident.id} {incident.title}"
    return Point(topic=topic, text=headline(case, context), at=incident.opened_at)


def _untold_alert(alert: Alert, context: Context) -> Point:
    topic = f"{alert.name} ({alert.fingerprint})"
    return Point(topic=topic, text=answer_of(alert, (), context), at=alert.starts_at)


async def _cases(tx: AsyncConnection, some: Sequence[Incident], moment: Moment) -> list[Case]:
    found = []
    for incident in some:
        ready = None
        if incident.status is Status.GATHERING:
            running = await timers.of_incident(tx, incident.id)
            due = [it.due_at for it in running if it.kind is TimerKind.GROUP_READY]
            ready = moment.wall(due[0]) if due else None
        found.append(
            Case(
                incident=incident,
                record=await audit.of_incident(tx, incident.id),
                messages=await outbox.of_incident(tx, incident.id),
                ready=ready,
            )
        )
    return found


async def _context(tx: AsyncConnection, some: Collection[Alert], moment: Moment) -> Context:
    ids = {
        quiet.mute.id
        for alert in some
        for episode in episodes_of(alert.trail)
        for quiet in episode.quiet
    }
    made = await silences.by_uuids(tx, ids)
    made |= {it.uuid: it for it in moment.playbook.maintenance if it.uuid in ids}
    return Context(people=moment.playbook.people, now=moment.now, silences=made)


def is_fingerprint(word: str) -> bool:
    """Say whether a word could be the beginning of an alert's fingerprint."""
    return len(word) >= 6 and len(word) <= len(Fingerprint("0" * 16)) and set(word) <= HEX


HEX = frozenset("0123456789abcdef")
