"""The receipt: moments from those who know them, in order, and never rewritten."""

from datetime import UTC, datetime, timedelta

from bot.demo.receipt import Line, Moment, crossing_to_shown, gather, lines, merged
from storage.model.alert import Alert, Trace
from storage.model.audit import AuditRow
from storage.model.incident import IncidentId
from storage.model.labels import Labels

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
T = NOON.timestamp()


def row(what: str, after: float) -> AuditRow:
    return AuditRow(
        id=1,
        incident=IncidentId(1),
        at=NOON + timedelta(seconds=after),
        actor="tocsin",
        via="rules",
        what=what,
        because="",
    )


ALERT = Alert(
    labels=Labels.of(alertname="Slow"),
    starts_at=NOON,
    trace=Trace(sampled=T + 0.5, stored=T + 0.6, judged=T + 0.65),
)
STORY = [row("opened", 0.7), row("step", 15.7), row("acknowledged", 20), row("resolved", 40)]


def test_everybody_tells_what_they_know() -> None:
    found = gather(
        shop={"broke_at": T, "mended_at": T + 30},
        alerts=[ALERT],
        story=STORY,
        shown_at=T + 0.75,
        rung_at=[T + 15.8, T + 60],
        deaths=[(T - 50, T - 49), (T + 5, T + 6.5), (T + 50, 0.0)],
    )
    assert found == {
        Moment.BROKEN: T,
        Moment.SAMPLED: T + 0.5,
        Moment.STORED: T + 0.6,
        Moment.JUDGED: T + 0.65,
        Moment.SHOWN: T + 0.75,
        Moment.KILLED: T + 5,
        Moment.BACK: T + 6.5,
        Moment.RUNG: T + 15.8,
        Moment.ACKNOWLEDGED: T + 20,
        Moment.MENDED: T + 30,
        Moment.RESOLVED: T + 40,
    }
    assert crossing_to_shown(found) == 0.25


def test_an_incident_of_an_earlier_break_has_none_of_the_new_one() -> None:
    found = gather(
        shop={"broke_at": T + 100, "mended_at": 0.0},
        alerts=[],
        story=STORY[:1],
        shown_at=None,
        rung_at=[],
        deaths=[],
    )
    assert found == {}
    assert crossing_to_shown(found) is None


def test_what_was_known_first_stays_but_the_last_death_counts() -> None:
    before = {Moment.SAMPLED: 1.0, Moment.KILLED: 2.0, Moment.BACK: 3.0}
    now = {Moment.SAMPLED: 9.0, Moment.KILLED: 7.0, Moment.RESOLVED: 10.0}
    assert merged(before, now) == {
        Moment.SAMPLED: 1.0,
        Moment.KILLED: 7.0,
        Moment.RESOLVED: 10.0,
    }


def test_lines_stand_in_the_order_of_time() -> None:
    told = lines({Moment.STORED: 3.0, Moment.BROKEN: 1.0, Moment.SAMPLED: 3.0})
    assert told == (
        Line(what=Moment.BROKEN, at=1.0, since_break=0.0, since_before=None),
        Line(what=Moment.SAMPLED, at=3.0, since_break=2.0, since_before=2.0),
        Line(what=Moment.STORED, at=3.0, since_break=2.0, since_before=0.0),
    )
