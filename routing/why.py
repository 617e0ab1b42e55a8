"""Why an alert was heard, or was not: its way through Tocsin in sentences. Pure.

What was decided on its way stands in the alert's trail, how the incident went on in its record,
and what became of each message in the outbox; nothing is asked of the configuration of now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from routing.alerts.trail import Episode, Quiet, Way, episodes_of
from routing.delivery.words import flat, lasting, listed, moment, number, shortened
from routing.incidents.flapping import sentence
from routing.incidents.timeline import named
from storage.model.alert import Alert
from storage.model.audit import AuditRow
from storage.model.delivery import DeliveryStatus, OutboxMessage, Purpose
from storage.model.incident import Incident, Status
from storage.model.person import Person, PersonId
from storage.model.policy import Policy
from storage.model.silence import Mute, MuteKind, Silence

LONGEST, MOST_ASKED, MOST_LINES = 400, 4, 5
TOOK = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.UNPROVEN)
UNTOLD = ("put off", "asked nobody", "not delivered", "muted", "flapping")
"""Lines of an incident's record that say why somebody did not hear."""
KINDS = {
    MuteKind.SILENCE: "silenced",
    MuteKind.MAINTENANCE: "maintenance",
    MuteKind.INHIBITED: "inhibited",
    MuteKind.TIME: "muted by time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One step of the way: `topic` in a word or two, `text` in a sentence. at: aware UTC."""

    topic: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What sentences need besides. silences: by uuid, those still kept, over or not."""

    people: Mapping[PersonId, Person]
    now: datetime
    silences: Mapping[str, Silence]

    def name(self, person: PersonId | None) -> str:
        """Return how a person is called."""
        known = self.people.get(person) if person else None
        return flat(known.name if known else person or "")

    def when(self, at: datetime) -> str:
        """Write a time to the second where it is today's, else with its date."""
        return f"{at:%H:%M:%S} UTC" if at.date() == self.now.date() else moment(at, self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An incident as it is looked into. record: oldest first.  ready: when its group is complete,
    where it still gathers."""

    incident: Incident
    record: Sequence[AuditRow]
    messages: Sequence[OutboxMessage]
    ready: datetime | None = None


# an alert


def way_of_alert(
    alert: Alert,
    context: Context,
    *,
    told: Sequence[Case] = (),
    repeated: datetime | None = None,
    routed_now: Sequence[Way] = (),
) -> tuple[Point, ...]:
    """Tell the way of the alert's newest episode.

    told:     the incidents that heard of it, the newest first.   repeated: when it was told last.
    routed_now: the ways that it would go now; a difference is said.
    """
    *before, episode = episodes_of(alert.trail) or (Episode(came=alert.starts_at),)
    return (
        _came(alert, episode, context),
        *_judged(alert, episode),
        _same(alert, before, episode, context, repeated),
        *(_quiet(quiet, context) for quiet in episode.quiet),
        *([] if episode.quiet else [Point(topic="muted", text="by nobody")]),
        *_routed(alert, episode, routed_now),
        *(_joined(case, episode, context) for case in told),
        *_ended(episode),
    )


def answer_of(alert: Alert, told: Sequence[Case], context: Context) -> str:
    """Say in a sentence whether anybody heard of an alert, and why not."""
    if told:
        return f"Told in #{told[0].incident.id}. {headline(told[0], context)}"
    episodes = episodes_of(alert.trail)
    quiet = episodes[-1].quiet if episodes else ()
    who = listed([mute_words(it.mute, context) for it in quiet][:3])
    if not alert.is_firing:
        return f"Nobody was told: {who or 'no incident heard of it'}, until it was over."
    going = [it.mute for it in quiet if it.to is None]
    if not going:
        return "No incident that is still kept was told of it."
    return f"Nobody is told now: {who}. If it fires still, it is told {_end_words(going, context)}."


def _came(alert: Alert, episode: Episode, context: Context) -> Point:
    source = flat(episode.source or alert.source)
    door = f" by {episode.door}" if episode.door not in ("", source) else ""
    text = "from our own rules" if source == "rules" else f"from {source}{door}"
    if alert.starts_at and abs(episode.came - alert.starts_at) > timedelta(seconds=5):
        text += f"; it says that it began {context.when(alert.starts_at)}"
    return Point(topic="came in", text=text, at=episode.came)


def _judged(alert: Alert, episode: Episode) -> list[Point]:
    """Say which rule judged it: ours, or, as far as its link says so, its source's."""
    value = f"; value {number(alert.value)}" if alert.value is not None else ""
    if episode.rule:
        where = f"{episode.rule}, group {flat(episode.group)}"
        return [Point(topic="rule", text=f"{where}: {_short(episode.expr)}{value}")]
    if asked := parse_qs(urlsplit(alert.generator_url).query).get("g0.expr"):
        return [Point(topic="rule", text=f"of its source: {_short(asked[0])}{value}")]
    return [Point(topic="rule", text=f"of its source{value}")] if value else []


def _short(text: str) -> str:
    return shortened(flat(text), LONGEST)


def _same(
    alert: Alert,
    before: Sequence[Episode],
    episode: Episode,
    context: Context,
    repeated: datetime | None,
) -> Point:
    text = f"into alert {alert.fingerprint}, one for equal labels"
    if before and before[-1].over:
        text += f"; it fired before, until {context.when(before[-1].over)}"
    if repeated is not None and repeated > episode.came:
        text += f"; told again, last {context.when(repeated)}"
    return Point(topic="deduplicated", text=text)


def mute_words(mute: Mute, context: Context) -> str:
    """Say who mutes and until when: `silence 12 by Ada until 14:00 UTC (new disks)`."""
    text = flat(named(mute.by, context.people))
    if mute.until is not None:
        text += f" until {moment(mute.until, context.now)}"
    made = context.silences.get(mute.id)
    return f"{text} ({_short(made.comment)})" if made and made.comment else text


def _quiet(quiet: Quiet, context: Context) -> Point:
    """Say who muted it, from when to when, and what was said about it."""
    end = f"it muted this until {context.when(quiet.to)}" if quiet.to else "it mutes this still"
    text = f"{mute_words(quiet.mute, context)}; {end}"
    return Point(topic=KINDS[quiet.mute.kind], text=text, at=quiet.since)


def _routed(alert: Alert, episode: Episode, now: Sequence[Way]) -> list[Point]:
    if not episode.ways:
        return [Point(topic="routed", text="its way is not kept: it came before ways were noted")]
    points = [Point(topic="routed", text=way_words(way, alert)) for way in episode.ways]
    if now and tuple(now) != episode.ways and alert.is_firing:
        text = "; ".join(way_words(way, alert) for way in now)
        points.append(
            Point(topic="since then", text=f"the routes changed; by those of now: {text}")
        )
    return points


def way_words(way: Way, alert: Alert) -> str:
    """Write a way as `routes test` does: each level's matchers, policy, group."""
    asked = ", ".join(level or "takes everything" for level in way.levels)
    place = f"{way.place} ({flat(asked)})" if way.path else "no route took it"
    return f"{place} -> policy {way.policy}, group {_short(way.group(alert.labels))}"


def _joined(case: Case, episode: Episode, context: Context) -> Point:
    """Say in which incident it was told, and who had that already."""
    text = f"incident #{case.incident.id}"
    if had := _had_by_then(case, episode.came, context):
        text += f"; it joined when {had}, so nobody was asked anew"
    return Point(topic="grouped into", text=text)


def _had_by_then(case: Case, at: datetime, context: Context) -> str:
    """Say who had the incident when an alert came to it; empty where nobody had."""
    holds = ("acknowledged", "snoozed")
    ends = ("triggered", "step", "repeat", "reopened", "resolved", "worse", "muted")
    rows = [it for it in case.record if it.at < at and it.what in (*holds, *ends)]
    if not rows or rows[-1].what not in holds or case.incident.opened_at >= at:
        return ""
    return f"{context.name(PersonId(rows[-1].actor))} had {rows[-1].what} it"


def _end_words(mutes: Sequence[Mute], context: Context) -> str:
    """Say when the last of these ends."""
    ends = [mute.until for mute in mutes]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(ends):
        return "when that ends"
    return f"at {moment(max(known), context.now)}"


def _ended(episode: Episode) -> list[Point]:
    if episode.over is None:
        return []
    text = f"{flat(episode.by)} said so" if episode.by else "nobody repeated it in time"
    return [Point(topic="over", text=text, at=episode.over)]


# an incident


def way_of_incident(case: Case, context: Context) -> tuple[Point, ...]:
    """Tell what was gathered into an incident, who was told, and who was not, and why."""
    incident = case.incident
    wait = incident.policy.group_wait
    text = f"group {_short(incident.group)}; {incident.firing} of {_alerts(incident.total)} firing"
    if wait:
        text += f"; others were waited for, {lasting(wait)}"
    return (
        Point(topic="grouped into", text=text, at=incident.opened_at),
        *_gathered(case, context),
        *_flapping(incident),
        *_not_told(case, context),
    )


def headline(case: Case, context: Context) -> str:
    """Say in a sentence who was asked, or why nobody was."""
    if asked := _asked(case, context):
        return f"Asked {asked}."
    shown = [it for it in _went(case.messages) if it.purpose is Purpose.ROOM]
    reason = reason_of(case, context)
    if shown:
        where = listed([f"{it.channel} {it.address}" for it in shown[:3]])
        return f"Nobody was asked{reason}; shown in {where}."
    return f"Nobody was told{reason}."


def _asked(case: Case, context: Context) -> str:
    """List who was asked, by which ways and when, the first of them."""
    ways: dict[tuple[PersonId, str], list[str]] = {}
    for it in sorted(_went(case.messages), key=lambda it: it.sent_at or it.created_at):
        if it.purpose is Purpose.PAGE and it.person:
            at = moment(it.sent_at or it.created_at, context.now)
            ways.setdefault((it.person, at), []).append(it.channel)
    told = [
        f"{context.name(who)} by {listed(list(dict.fromkeys(by)))} at {at}"
        for (who, at), by in ways.items()
    ]
    more = len(told) - MOST_ASKED
    times = "once more" if more == 1 else f"{more} times more"
    return listed([*told[:MOST_ASKED], *([times] if more > 0 else [])])


def _went(messages: Sequence[OutboxMessage]) -> list[OutboxMessage]:
    return [it for it in messages if it.status in TOOK]


def reason_of(case: Case, context: Context) -> str:
    """Say why nobody was asked, behind a colon; empty where the record says nothing of it."""
    incident = case.incident
    told = [row for row in case.record if row.what in UNTOLD]
    match incident.status:
        case Status.GATHERING if case.ready:
            return f": it gathers until {context.when(case.ready)}, then it asks"
        case Status.MUTED | Status.GATHERING if incident.muted:
            return f": muted, {flat(named(incident.muted, context.people))}"
        case Status.RESOLVED if any("before anybody" in row.because for row in case.record):
            return ": all of it was over before the group was complete"
        case _ if told:
            return f": {flat(named(told[-1].because, context.people))}"
        case Status.TRIGGERED if waits := _waiting(case, context):
            return f": {waits}"
        case Status.ACKNOWLEDGED | Status.SNOOZED:
            return f": {context.name(incident.owner)} had it first"
        case Status.RESOLVED if incident.resolved_by:
            return f": resolved by {context.name(incident.resolved_by)} before that"
    return "" if incident.severity.escalates else f": it is only {incident.severity}"


def _waiting(case: Case, context: Context) -> str:
    """Say which pages are owed and did not go yet."""
    owed = [
        f"{it.channel} to {context.name(it.person)}"
        + (f" ({_short(it.error)})" if it.error else "")
        for it in case.messages
        if it.purpose is Purpose.PAGE and it.status is DeliveryStatus.WAITING
    ]
    return f"{listed(owed[:3])} waits to be sent" if owed else ""


def _gathered(case: Case, context: Context) -> list[Point]:
    """Say which of its messages went together with others'."""
    rows = [it for it in case.record if it.what == "sent" and ", together with " in it.because]
    return [Point(topic="gathered", text=_sentence(it, context), at=it.at) for it in rows[-2:]]


def _flapping(incident: Incident) -> list[Point]:
    """Say that it comes and goes: while it does, that is shown in its message and rings nobody."""
    if incident.flaps.since is None:
        return []
    return [Point(topic="flapping", text=sentence(incident), at=incident.flaps.since)]


def _alerts(count: int) -> str:
    return f"{count} alert" if count == 1 else f"{count} alerts"


def _not_told(case: Case, context: Context) -> list[Point]:
    """Say who might have been told and was not: by the record, and by what was never sent."""
    points = [
        Point(topic="not told", text=_sentence(row, context), at=row.at)
        for row in case.record
        if row.what in UNTOLD
    ][-MOST_LINES:]
    if not _asked(case, context) and (reason := reason_of(case, context).removeprefix(": ")):
        points = [Point(topic="nobody asked", text=reason), *points]
    if left := _steps_left(case, context):
        points.append(Point(topic="not asked", text=left))
    if case.incident.quiet:
        by = context.name(case.incident.resolved_by)
        text = f"resolved by {by} while it fired: it stays quiet until it clears"
        points.append(Point(topic="quiet", text=text))
    return points


def _sentence(row: AuditRow, context: Context) -> str:
    return _short(named(row.because, context.people))


def _steps_left(case: Case, context: Context) -> str:
    """Say which later steps were never taken, because somebody answered or it was over."""
    incident = case.incident
    left = len(incident.policy.steps) - 1 - max(incident.step, -1)
    if left <= 0 or not incident.severity.escalates or incident.step < 0:
        return ""
    match incident.status:
        case Status.ACKNOWLEDGED | Status.SNOOZED:
            ended = f"{context.name(incident.owner)} {incident.status} it"
        case Status.RESOLVED if incident.resolved_by:
            ended = f"{context.name(incident.resolved_by)} resolved it"
        case Status.RESOLVED:
            ended = "it was over by itself"
        case _:
            return ""
    return f"{_steps(incident.policy, incident.step)}: {ended} before that"


def _steps(policy: Policy, step: int) -> str:
    first, last = step + 2, len(policy.steps)
    return f"step {first} of {last}" if first == last else f"steps {first} to {last} of {last}"
