"""Why something was heard or not, as lines for people and as JSON for programs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.chat.receipts import receipts
from bot.chat.wording import People, standing
from routing.delivery.words import flat, shortened
from routing.flow.desks import Desks
from routing.flow.why import Found, IncidentWhy, Overview, Story
from routing.told import Case, Context, Point
from routing.why import mute_words
from storage.model.alert import Alert
from storage.model.silence import Mute
from storage.sql.tracing import Hidden

LONGEST_NAME, MOST_BRIEF = 200, 3
INDENT = "  "

Table = tuple[tuple[str, ...], ...]


def incident_lines(why: IncidentWhy, now: datetime, *, even: bool) -> list[str]:
    """Tell why an incident was told as it was: the answer first, then the way to it.

    even: in columns, for where all letters are as wide.
    """
    incident = why.case.incident
    lines = [
        f"#{incident.id} {flat(incident.title)}",
        why.headline,
        *_points(why.points, now, even),
    ]
    for story in why.alerts:
        head, _, *points = story_lines(story, now, even=even)
        lines += [head, *points]  # the answer stands above already
    return [*lines, f"and {why.left_out} more alerts"] if why.left_out else lines


def incident_brief(why: IncidentWhy) -> list[str]:
    """Tell it on a phone: the answer, and who was not told and why."""
    incident, untold = why.case.incident, ("flapping", "not told", "not asked", "quiet")
    missed = [f"{it.topic}: {it.text}" for it in why.points if it.topic in untold]
    return [f"#{incident.id} {flat(incident.title)}", why.headline, *missed[:MOST_BRIEF]]


def found_brief(found: Found) -> list[str]:
    """Tell it on a phone: the answer of each."""
    return [f"{alert_name(story.alert)}: {story.answer}" for story in found.stories]


def story_lines(story: Story, now: datetime, *, even: bool) -> list[str]:
    """Tell the way of one alert."""
    state = "firing" if story.alert.is_firing else "over"
    head = f"Alert {alert_name(story.alert)}, {state}"
    return [head, f"{INDENT}{story.answer}", *_points(story.points, now, even)]


def found_lines(found: Found, now: datetime, *, even: bool) -> list[str]:
    """Tell the ways of the alerts that were meant."""
    lines = [line for story in found.stories for line in story_lines(story, now, even=even)]
    if found.others:
        count = len(found.others)
        are = "more is" if count == 1 else "more are"
        lines.append(f"{count} {are} meant by that; `why <fingerprint>` tells of one:")
        lines += [f"  {alert.fingerprint}  {alert_name(alert)}" for alert in found.others[:10]]
    return lines


def overview_lines(seen: Overview, people: People, now: datetime) -> list[str]:
    """Tell what is not heard now, and what lately was not."""
    lines = [f"{_counted(seen.firing)} firing, {seen.muted or 'none'} of that muted."]
    if not seen.firing:
        lines = ["Nothing fires."]
    for hidden, example in seen.hidden:
        told = f"{_counted(hidden.count)}: {muted_by(hidden, people, now)}"
        lines.append(f"{INDENT}{told}; such as {alert_name(example)}")
    if seen.waiting:
        lines.append("Open, and nobody was told so far:")
        lines += [f"  #{it.id} {flat(it.title)}: {why}" for it, why in seen.waiting]
    if seen.quiet:
        lines.append("Resolved by people, and firing still: quiet until it clears:")
        lines += [f"  #{it.id} {flat(it.title)}: {standing(it, people, now)}" for it in seen.ended]
        more = seen.quiet - len(seen.ended)
        lines += [f"  and {more} more"] if more else []
    if not seen.untold:
        return [*lines, "Nothing else of the last 24 hours was kept from people."]
    lines.append("Over within the last 24 hours, and nobody was told:")
    return lines + [f"  {_moment(it, now)}{flat(it.topic)}: {it.text}" for it in seen.untold]


def _counted(alerts: int) -> str:
    return "1 alert" if alerts == 1 else f"{alerts} alerts"


def muted_by(hidden: Hidden, people: People, now: datetime) -> str:
    """Name everybody and everything that mutes some alerts."""
    context = Context(people=people, now=now, silences={})
    return " and ".join(mute_words(mute, context) for mute in hidden.mutes[:3])


def alert_name(alert: Alert) -> str:
    """Write an alert on one line: its name and what tells it from others."""
    name = flat(alert.name) or "alert"
    return shortened(f"{name}{flat(str(alert.labels.without('alertname')))}", LONGEST_NAME)


def _points(points: Sequence[Point], now: datetime, even: bool) -> list[str]:
    width = max((len(point.topic) for point in points), default=0) + 1 if even else 0
    return [f"  {f'{it.topic}:'.ljust(width)} {_moment(it, now)}{it.text}" for it in points]


def _moment(point: Point, now: datetime) -> str:
    if point.at is None:
        return ""
    day = "" if point.at.date() == now.date() else f"{point.at:%Y-%m-%d} "
    return f"{day}{point.at:%H:%M:%S} UTC, "


def messages_table(case: Case | None, desks: Desks) -> Table:
    """Tell what became of each message about an incident."""
    people, now = desks.playbook().people, desks.clock.utc_now()
    return receipts(case.messages if case else (), people, now, desks.clock.steady())


def incident_json(why: IncidentWhy, desks: Desks) -> dict[str, Any]:
    """Write it for programs; times in ISO 8601, UTC."""
    head, *rows = messages_table(why.case, desks) or ((),)
    return {
        "incident": why.case.incident.id,
        "group": why.case.incident.group,
        "headline": why.headline,
        "points": points_json(why.points),
        "messages": [dict(zip(head, row, strict=True)) for row in rows],
        "alerts": [story_json(story) for story in why.alerts],
        "left_out": why.left_out,
    }


def story_json(story: Story) -> dict[str, Any]:
    """Write the way of one alert."""
    alert = story.alert
    return {
        "fingerprint": alert.fingerprint,
        "labels": dict(alert.labels),
        "status": alert.status.value,
        "answer": story.answer,
        "points": points_json(story.points),
    }


def overview_json(seen: Overview) -> dict[str, Any]:
    """Write what is not heard."""
    return {
        "firing": seen.firing,
        "muted": seen.muted,
        "hidden": [
            {
                "alerts": hidden.count,
                "by": [_mute_json(mute) for mute in hidden.mutes],
                "example": {"fingerprint": alert.fingerprint, "labels": dict(alert.labels)},
            }
            for hidden, alert in seen.hidden
        ],
        "waiting": [{"incident": it.id, "title": it.title, "why": why} for it, why in seen.waiting],
        "quiet": [
            {"incident": it.id, "title": it.title, "resolved_by": it.resolved_by}
            for it in seen.ended
        ],
        "untold": points_json(seen.untold),
    }


def _mute_json(mute: Mute) -> dict[str, Any]:
    until = mute.until.isoformat() if mute.until else None
    return {"kind": mute.kind.value, "by": mute.by, "until": until, "id": mute.id}


def points_json(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Write points in their order."""
    return [
        {"topic": it.topic, "text": it.text, "at": it.at.isoformat() if it.at else None}
        for it in points
    ]
