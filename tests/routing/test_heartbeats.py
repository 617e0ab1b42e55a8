"""When a heartbeat is late, and what its alert says."""

from datetime import UTC, datetime, timedelta

import pytest

from routing.heartbeats import FAILED, MISSED, alert_of, trouble_of
from routing.rules.lifecycle import Now
from storage.clock import Steady
from storage.model.heartbeat import Heartbeat, Pulse

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EVERY = Heartbeat(name="importer", every=5 * MINUTE, grace=MINUTE)
NIGHTLY = Heartbeat(name="backup", cron="0 2 * * *", grace=timedelta(hours=1))


def at(minutes: float) -> Now:
    """So long after noon on both scales."""
    return Now(wall=NOON + minutes * MINUTE, steady=Steady(60 * minutes))


def pulse(heard: float | None, *, failed: bool = False) -> Pulse:
    """Heard so many minutes after noon; expected since an hour before."""
    before = at(-60)
    found = Pulse(name="x", since=before.steady, since_at=before.wall, failed=failed)
    if heard is None:
        return found
    it = at(heard)
    return Pulse(
        name="x",
        since=before.steady,
        since_at=before.wall,
        heard=it.steady,
        heard_at=it.wall,
        failed=failed,
    )


@pytest.mark.parametrize(("given", "heard", "now", "trouble"), [
    pytest.param(EVERY, pulse(0), 5.9, "", id="within-the-grace"),
    pytest.param(EVERY, pulse(0), 6.1, MISSED, id="late"),
    pytest.param(EVERY, pulse(None), 0, MISSED, id="never-heard"),
    pytest.param(EVERY, pulse(0, failed=True), 1, FAILED, id="said-so"),
    pytest.param(EVERY, pulse(0, failed=True), 99, FAILED, id="said-so-and-silent"),
    pytest.param(NIGHTLY, pulse(0), 60 * 14, "", id="not-yet-two"),
    pytest.param(NIGHTLY, pulse(0), 60 * 15 - 1, "", id="within-the-hour"),
    pytest.param(NIGHTLY, pulse(0), 60 * 15 + 1, MISSED, id="three-and-nothing"),
    pytest.param(NIGHTLY, pulse(60 * 14 + 5), 60 * 30, "", id="done-in-time"),
])  # fmt: skip
def test_trouble(given: Heartbeat, heard: Pulse, now: float, trouble: str) -> None:
    assert trouble_of(given, heard, at(now), started=at(-10_000)) == trouble


def test_who_was_due_while_we_were_away_may_call_once_more() -> None:
    assert trouble_of(EVERY, pulse(0), at(30.5), started=at(30)) == ""
    assert trouble_of(EVERY, pulse(0), at(31.5), started=at(30)) == MISSED
    back = at(60 * 20)
    assert trouble_of(NIGHTLY, pulse(0), at(60 * 20 + 59), started=back) == ""
    assert trouble_of(NIGHTLY, pulse(0), at(60 * 21 + 1), started=back) == MISSED


def test_a_wall_clock_that_jumps_makes_nobody_late() -> None:
    jumped = Now(wall=NOON + timedelta(days=3), steady=Steady(60))
    assert trouble_of(EVERY, pulse(0), jumped, started=at(-99)) == ""


def test_the_alert_says_what_is_missing() -> None:
    alert = alert_of(EVERY, pulse(0), MISSED, NOON)
    assert dict(alert.labels) == {
        "alertname": MISSED,
        "category": "availability",
        "heartbeat": "importer",
        "severity": "critical",
    }
    assert alert.annotations.get("summary") == (
        "importer has not called since 2026-03-02 12:00:00 UTC"
    )
    assert alert.annotations.get("expected") == "every 5m, 1m late at most"
    never = alert_of(NIGHTLY, pulse(None), MISSED, NOON).annotations
    assert never.get("summary") == "backup has not called yet"
    assert never.get("expected") == "at 0 2 * * * (UTC), 1h late at most"
