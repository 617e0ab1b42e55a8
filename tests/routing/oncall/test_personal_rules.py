"""Personal rules and quiet hours: who is asked by what, at once, later, or in the morning."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.incidents.effects import PageStep
from routing.oncall.expand import Ring, Roster, are_heard, rings_instead, rings_of
from storage.model.alert import Severity
from storage.model.hours import Hours
from storage.model.incident import Incident, IncidentId
from storage.model.person import Person, PersonalRule, PersonId, QuietHours, Turn
from storage.model.policy import Step
from tests.routing.town import ADA, BOB, PEOPLE, PLAYBOOK, POLICY, PRIMARY, person

CRITICAL, WARNING, INFO, FORECAST = Severity
NIGHT, NOON = datetime(2026, 3, 2, 23, 0, tzinfo=UTC), datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
AT_NIGHT = Hours(start=time(22), end=time(7))
PAGE = PageStep(0, 0)
BOOK = replace(PLAYBOOK, silent=frozenset({"email"}))


def rule(text: str, *severities: Severity, hours: Hours | None = None) -> PersonalRule:
    """Read `slack, 2 sms voice, 5 voice`: minutes, then channels."""
    turns = []
    for part in text.split(","):
        words = part.split()
        minutes = int(words[0]) if words[0].isdigit() else 0
        turns.append(
            Turn(after=timedelta(minutes=minutes), by=tuple(w for w in words if not w.isdigit()))
        )
    return PersonalRule(turns=tuple(turns), severities=severities, hours=hours)


def ada(*rules: PersonalRule, quiet: bool = False, ways: str = "slack sms voice email") -> Person:
    hours = QuietHours(hours=AT_NIGHT) if quiet else None
    return replace(person(ADA, *ways.split()), rules=rules, quiet=hours)


def rings(
    who: Person, severity: Severity, now: datetime, *, by: str = "", **others: Person
) -> tuple[Ring, ...]:
    people = PEOPLE | {ADA: who} | {PersonId(name): it for name, it in others.items()}
    roster = Roster(playbook=replace(BOOK, people=people), overrides=(), now=now)
    return rings_of(incident(severity, by), PAGE, roster)


def incident(severity: Severity, by: str = "") -> Incident:
    step = Step(after=timedelta(0), targets=(PRIMARY,), by=tuple(by.split()))
    return Incident(
        id=IncidentId(42),
        group="g",
        title="Slow",
        severity=severity,
        policy=replace(POLICY, steps=(step,)),
        opened_at=NOON,
    )


def told(found: tuple[Ring, ...]) -> str:
    """Write `slack, sms+2, voice@07:00`, others by name."""
    words = []
    for ring in found:
        who = "" if ring.person == ADA else f"{ring.person}:"
        minutes = round(ring.after.total_seconds() / 60)
        late = f"@{ring.put_off:%H:%M}" if ring.put_off else f"+{minutes}" if minutes else ""
        words.append(f"{who}{ring.contact.channel}{late}")
    return " ".join(words)


LADDER = rule("slack, 2 sms, 5 voice")
NIGHTLY = rule("sms voice", CRITICAL, hours=AT_NIGHT)


# fmt: off
TABLE = [
    pytest.param(ada(), CRITICAL, NOON, "", "slack sms", id="no-rule-the-severity"),
    pytest.param(ada(LADDER), CRITICAL, NOON, "", "slack sms+2 voice+5", id="a-ladder"),
    pytest.param(ada(LADDER), INFO, NOON, "", "slack sms+2 voice+5", id="of-any-severity"),
    pytest.param(ada(LADDER), CRITICAL, NOON, "voice", "voice", id="the-step-goes-before"),
    pytest.param(ada(NIGHTLY, LADDER), CRITICAL, NIGHT, "", "sms voice", id="by-hour"),
    pytest.param(ada(NIGHTLY, LADDER), CRITICAL, NOON, "", "slack sms+2 voice+5", id="by-day"),
    pytest.param(ada(NIGHTLY, LADDER), WARNING, NIGHT, "", "slack sms+2 voice+5", id="by-severity"),
    pytest.param(ada(NIGHTLY), WARNING, NIGHT, "", "slack", id="none-applies-the-severity"),
    pytest.param(ada(rule("sms, 2 sms, 4 sms")), CRITICAL, NOON, "", "sms sms+2 sms+4",
        id="again-and-again"),
    pytest.param(ada(rule("3 sms")), CRITICAL, NOON, "", "sms+3", id="a-head-start-for-oneself"),
    pytest.param(ada(rule("chat, 2 sms")), WARNING, NOON, "", "slack sms+2", id="the-word-chat"),
    pytest.param(ada(rule("push")), WARNING, NOON, "", "slack", id="a-channel-that-went-away"),
    pytest.param(ada(rule("push"), ways="sms"), WARNING, NOON, "", "sms", id="rather-than-not"),
    pytest.param(ada(rule("sms, 5 voice")), FORECAST, NOON, "", "slack", id="never-for-forecasts"),
    pytest.param(ada(LADDER, quiet=True), CRITICAL, NIGHT, "", "slack sms+2 voice+5",
        id="criticals-break-through"),
    pytest.param(ada(LADDER, quiet=True), WARNING, NIGHT, "", "slack sms@07:00 voice@07:00",
        id="what-rings-waits"),
    pytest.param(ada(LADDER, quiet=True), WARNING, NOON, "", "slack sms+2 voice+5",
        id="not-by-day"),
    pytest.param(ada(rule("email, 2 sms, 4 sms"), quiet=True), WARNING, NIGHT, "",
        "email sms@07:00", id="mail-rings-nobody-and-morning-comes-once"),
    pytest.param(ada(quiet=True), WARNING, NIGHT, "sms", "sms@07:00 bob:sms",
        id="quiet-also-where-the-step-says-how-and-the-next-is-asked"),
    pytest.param(ada(quiet=True, ways="sms"), INFO, NIGHT, "", "bob:slack",
        id="news-never-leave-chat"),
    pytest.param(ada(quiet=True, ways="sms"), WARNING, NIGHT, "", "sms@07:00 bob:slack",
        id="only-a-phone-the-next-is-asked-now"),
    pytest.param(ada(LADDER, quiet=True), WARNING, NIGHT - timedelta(minutes=63), "",
        "slack sms+2 voice@07:00", id="quiet-begins-between-two-turns"),
    pytest.param(ada(LADDER, quiet=True), WARNING, NIGHT + timedelta(hours=7, minutes=57), "",
        "slack sms@07:00 voice+5", id="quiet-ends-between-two-turns"),
]
# fmt: on


@pytest.mark.parametrize(("who", "severity", "now", "by", "expected"), TABLE)
def test_ways(who: Person, severity: Severity, now: datetime, by: str, expected: str) -> None:
    assert told(rings(who, severity, now, by=by)) == expected


def test_everybody_is_quiet() -> None:
    bob = replace(person(BOB, "sms"), quiet=QuietHours(hours=AT_NIGHT))
    found = rings(ada(quiet=True, ways="sms"), WARNING, NIGHT, bob=bob)
    assert told(found) == "sms@07:00 bob:sms@07:00"
    assert not are_heard(found), "a promise for the morning is no page"


def test_keys_name_each_turn_once() -> None:
    found = rings(ada(rule("sms, 2 sms slack, 4 sms")), CRITICAL, NOON)
    place = "incident/42/round/0/step/0/ada"
    assert [ring.key(IncidentId(42)) for ring in found] == [
        f"{place}/sms",
        f"{place}/sms/again/1",
        f"{place}/slack",
        f"{place}/sms/again/2",
    ]


def test_nobody_is_woken_instead_in_quiet_hours() -> None:
    quiet = {id: replace(it, quiet=QuietHours(hours=AT_NIGHT)) for id, it in PEOPLE.items()} | {
        ADA: ada(quiet=True)
    }
    for severity, ways in ((WARNING, "email"), (CRITICAL, "sms")):
        roster = Roster(playbook=replace(BOOK, people=quiet), overrides=(), now=NIGHT)
        instead = rings_instead(
            incident(severity), PAGE, ADA, {"incident/42/round/0/step/0/ada/slack"}, roster
        )
        assert told(instead) == ways


channels = st.sampled_from(["slack", "sms", "voice", "email", "push", "chat"])
moments = st.integers(0, 32 * 86_400).map(lambda s: NOON + timedelta(seconds=s))
ladders = st.lists(
    st.tuples(st.integers(0, 90), st.lists(channels, min_size=1, max_size=3)), min_size=1
)


@given(
    ladders,
    st.sampled_from(list(Severity)),
    moments,
    st.booleans(),
    st.lists(st.sampled_from(["slack", "sms", "voice", "email"]), unique=True),
)
def test_whatever_the_rule(
    ladder: list[tuple[int, list[str]]],
    severity: Severity,
    now: datetime,
    quiet: bool,
    ways: list[str],
) -> None:
    turns = tuple(Turn(after=timedelta(minutes=m), by=tuple(by)) for m, by in sorted(ladder))
    hours = QuietHours(hours=replace(AT_NIGHT, zone="Europe/Berlin")) if quiet else None
    who = replace(person(ADA, *ways), rules=(PersonalRule(turns=turns),), quiet=hours)
    found = [ring for ring in rings(who, severity, now) if ring.person == ADA]
    keys = [ring.key(IncidentId(42)) for ring in found]
    assert len(keys) == len(set(keys)), "each page is a fact of its own"
    for ring in found:
        at, rung = now + ring.after, BOOK.rings(ring.contact.channel)
        assert not (rung and who.quiet_until(severity, at)), "nothing rings in quiet hours"
        assert not (rung and severity is FORECAST)
        assert (ring.put_off is None) or (ring.put_off == at and rung)
    if severity.escalates and ways:
        assert found, "whoever can be reached is asked, now or later"
    if severity is CRITICAL:
        assert all(ring.put_off is None for ring in found)
    assert all(a.after <= b.after for a, b in pairwise(found) if not (a.put_off or b.put_off))
