"""Whether a heartbeat is late, and the alert that says so. Pure."""

from datetime import datetime

from routing.recurrence import Recurrence
from routing.rules.lifecycle import Now
from storage.model.alert import Alert, Category, Origin
from storage.model.heartbeat import Heartbeat, Pulse
from storage.model.labels import Labels
from storage.units import format_duration

MISSED, FAILED = "HeartbeatMissed", "HeartbeatFailed"
"""The alerts' names."""
SOURCE = "heartbeats"


def trouble_of(heartbeat: Heartbeat, pulse: Pulse, now: Now, started: Now) -> str:
    """Return the name of the alert that should be open now; empty where all is well.

    started: when Tocsin did. Whoever called while it was away gets the grace to call again.
    """
    if pulse.failed:
        return FAILED
    grace = heartbeat.grace
    if heartbeat.every is not None:
        heard = pulse.since if pulse.heard is None else pulse.heard
        due = heard + (heartbeat.every + grace).total_seconds()
        return MISSED if now.steady > max(due, started.steady + grace.total_seconds()) else ""
    recurrence = Recurrence(cron=heartbeat.cron, timezone=heartbeat.timezone)
    expected = recurrence.next_after(pulse.heard_at or pulse.since_at)
    is_late = expected is not None and now.wall > max(expected, started.wall) + grace
    return MISSED if is_late else ""


def alert_of(heartbeat: Heartbeat, pulse: Pulse, name: str, at: datetime) -> Alert:
    """Return the alert `name` of a heartbeat as it fires from `at`, aware UTC."""
    labels = {
        **heartbeat.labels,
        "alertname": name,
        "heartbeat": heartbeat.name,
        "severity": heartbeat.severity.value,
        "category": Category.AVAILABILITY.value,
    }
    heard = f"{pulse.heard_at:%Y-%m-%d %H:%M:%S} UTC" if pulse.heard_at else "never"
    if name == FAILED:
        summary = f"{heartbeat.name} called and said that it failed"
    elif pulse.heard_at is None:
        summary = f"{heartbeat.name} has not called yet"
    else:
        summary = f"{heartbeat.name} has not called since {heard}"
    told = {
        "summary": summary,
        "expected": expected_words(heartbeat),
        "last_well": heard,
        "said": pulse.said,
    }
    return Alert(
        labels=Labels.of(labels),
        annotations=Labels.of(told),
        starts_at=at,
        source=SOURCE,
        origin=Origin(door="heartbeat"),
    )


def expected_words(heartbeat: Heartbeat) -> str:
    """Say when it is expected to call: `every 1d, 1h late at most`."""
    if heartbeat.every is not None:
        when = f"every {format_duration(heartbeat.every)}"
    else:
        when = f"at {heartbeat.cron} ({heartbeat.timezone})"
    return f"{when}, {format_duration(heartbeat.grace)} late at most"
