"""Why an alert was heard, or was not: its way through Tocsin in sentences. Pure.

What was decided on its way stands in the alert's trail, how the incident went on in its record,
and what became of each message in the outbox; nothing is asked of the configuration of now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from routing.alerts.trail import Episode, Quiet, Way, episodes_of
from routing.delivery.words import flat, listed, moment, number
from routing.incidents.timeline import named
from routing.told import Case, Context, Point, headline, short
from storage.model.alert import Alert
from storage.model.person import PersonId
from storage.model.silence import Mute, MuteKind

KINDS = {
    MuteKind.SILENCE: "silenced",
    MuteKind.MAINTENANCE: "maintenance",
    MuteKind.INHIBITED: "inhibited",
    MuteKind.TIME: "muted by time",
}


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
    episodes = episodes_of(alert.trail)
    quiet = episodes[-1].quiet if episodes else ()
    who = listed([mute_words(it.mute, context) for it in quiet][:3])
    going = [it.mute for it in quiet if it.to is None] if alert.is_firing else []
    if told:
        return _told(told[0], alert, going, context)
    if not alert.is_firing and episodes and episodes[-1].is_only_an_end:
        return "Nobody was told: that it is over was told before that it fires."
    if not alert.is_firing:
        return f"Nobody was told: {who or 'no incident heard of it'}, until it was over."
    if not going:
        return "No incident that is still kept was told of it."
    return _not_now(going, context)


def _told(case: Case, alert: Alert, going: Sequence[Mute], context: Context) -> str:
    """Say who was told, and what keeps it quiet by now. going: what mutes it."""
    incident = case.incident
    said = f"old in #{incident.id}. {headline(case, context)}"
    if alert.is_firing and incident.quiet:
        by = context.name(incident.resolved_by)
        return f"T{said} {by} resolved it while it fired: it stays quiet until it clears."
    if not going:
        return f"T{said}"
    if incident.status.is_open:
        return f"T{said} Muted now: {_listed(going, context)}."
    return f"{_not_now(going, context)} When it fired before it was t{said}"


def _not_now(going: Sequence[Mute], context: Context) -> str:
    end = _end_words(going, context)
    return f"Nobody is told now: {_listed(going, context)}. If it fires still, it is told {end}."


def _listed(mutes: Sequence[Mute], context: Context) -> str:
    return listed([mute_words(mute, context) for mute in mutes][:3])


def _came(alert: Alert, episode: Episode, context: Context) -> Point:
    source = flat(episode.source or alert.source)
    door = f" by {episode.door}" if episode.door not in ("", source) else ""
    text = "from our own rules" if source == "rules" else f"from {source}{door}"
    if alert.starts_at and abs(episode.came - alert.starts_at) > timedelta(seconds=5):
        text += f"; it says that it began {context.when(alert.starts_at)}"
    if episode.left_out:
        alerts = "alert" if episode.left_out == 1 else "alerts"
        text += f"; its sender left {episode.left_out} more {alerts} out of that message"
    return Point(topic="came in", text=text, at=episode.came)


def _judged(alert: Alert, episode: Episode) -> list[Point]:
    """Say which rule judged it: ours, or, as far as its link says so, its source's."""
    value = f"; value {number(alert.value)}" if alert.value is not None else ""
    if episode.rule:
        where = f"{episode.rule}, group {flat(episode.group)}"
        return [Point(topic="rule", text=f"{where}: {short(episode.expr)}{value}")]
    if asked := parse_qs(urlsplit(alert.generator_url).query).get("g0.expr"):
        return [Point(topic="rule", text=f"of its source: {short(asked[0])}{value}")]
    return [Point(topic="rule", text=f"of its source{value}")] if value else []


def _same(
    alert: Alert,
    before: Sequence[Episode],
    episode: Episode,
    context: Context,
    repeated: datetime | None,
) -> Point:
    text = f"into alert {alert.fingerprint}, one for equal labels"
    if before and before[-1].over and not before[-1].is_only_an_end:
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
    return f"{text} ({short(made.comment)})" if made and made.comment else text


def _quiet(quiet: Quiet, context: Context) -> Point:
    """Say who muted it, from when to when, and what was said about it."""
    end = f"it muted this until {context.when(quiet.to)}" if quiet.to else "it mutes this still"
    text = f"{mute_words(quiet.mute, context)}; {end}"
    return Point(topic=KINDS[quiet.mute.kind], text=text, at=quiet.since)


def _routed(alert: Alert, episode: Episode, now: Sequence[Way]) -> list[Point]:
    if episode.is_only_an_end:
        return [Point(topic="routed", text="nowhere: its end came first")]
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
    return f"{place} -> policy {way.policy}, group {short(way.group(alert.labels))}"


def _joined(case: Case, episode: Episode, context: Context) -> Point:
    """Say in which incident it was told, and who had that already."""
    incident = case.incident
    text = f"incident #{incident.id}"
    if incident.resolved_at and incident.resolved_at <= episode.came and not incident.quiet:
        return Point(topic="grouped into", text=f"{text}, when it fired before")
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
