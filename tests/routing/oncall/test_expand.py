"""From a step to people and contact points, and who is next when one fails."""

from dataclasses import replace
from datetime import timedelta

import pytest

from routing.incidents.effects import PageStep
from routing.oncall.expand import Roster, rings_instead, rings_of
from routing.playbook import Playbook
from storage.model.alert import Severity
from storage.model.incident import Incident, IncidentId
from storage.model.person import OnCallList
from storage.model.policy import Step, Target, TargetKind
from tests.fakes import NOON
from tests.routing.town import ADA, BOB, CY, PEOPLE, PLAYBOOK, POLICY, PRIMARY, SECOND, person

PAGE = PageStep(0, 0)


def roster(**people: tuple[str, ...]) -> Roster:
    """PLAYBOOK with other contact points: `ada=("sms",)`."""
    changed = {id: person(id, *people[id]) for id in PEOPLE if id in people}
    return Roster(playbook=replace(PLAYBOOK, people=PEOPLE | changed), overrides=(), now=NOON)


def incident(severity: Severity = Severity.CRITICAL, *targets: Target, by: str = "") -> Incident:
    step = Step(after=timedelta(0), targets=targets or (PRIMARY,), by=tuple(by.split()))
    return Incident(
        id=IncidentId(42),
        group="g",
        title="Slow",
        severity=severity,
        policy=replace(POLICY, steps=(step,)),
        opened_at=NOON,
    )


CRITICAL, WARNING, INFO, FORECAST = Severity


# fmt: off
TABLE = [
    pytest.param(incident(CRITICAL), roster(), "ada/slack ada/sms", id="critical-by-both"),
    pytest.param(incident(WARNING), roster(), "ada/slack", id="warning-by-chat"),
    pytest.param(incident(INFO), roster(), "ada/slack", id="news-by-chat"),
    pytest.param(incident(WARNING, by="sms"), roster(), "ada/sms", id="the-step-says-how"),
    pytest.param(incident(FORECAST, by="sms chat"), roster(), "ada/slack",
        id="a-forecast-never-by-sms"),
    pytest.param(incident(WARNING), roster(ada=("sms",)), "ada/sms", id="rather-so-than-not"),
    pytest.param(incident(INFO), roster(ada=("sms",), bob=("sms",)), "",
        id="news-never-leave-chat"),
    pytest.param(incident(FORECAST), roster(ada=("sms",), bob=("sms",)), "",
        id="nor-do-forecasts"),
    pytest.param(incident(CRITICAL), roster(ada=()), "bob/slack bob/sms",
        id="who-has-no-contact-is-passed-over"),
    pytest.param(incident(CRITICAL, PRIMARY, SECOND), roster(), "ada/slack ada/sms cy/slack cy/sms",
        id="every-target"),
    pytest.param(incident(WARNING, SECOND, SECOND), roster(), "cy/slack", id="each-once"),
    pytest.param(incident(WARNING), roster(ada=("slack", "slack")), "ada/slack",
        id="the-first-of-a-channel"),
    pytest.param(incident(WARNING, Target(kind=TargetKind.PERSON, name="nobody")), roster(), "",
        id="nobody"),
]
# fmt: on


@pytest.mark.parametrize(("given", "who", "asked"), TABLE)
def test_rings(given: Incident, who: Roster, asked: str) -> None:
    keys = [ring.key(given.id) for ring in rings_of(given, PAGE, who)]
    assert keys == [f"incident/42/round/0/step/0/{it}" for it in asked.split()]


# fmt: off
FAILURES = [
    pytest.param(incident(WARNING), roster(), ADA, "ada/slack", "ada/sms", id="next-channel"),
    pytest.param(incident(WARNING), roster(ada=("slack", "slack")), ADA, "ada/slack",
        "ada/slack/2", id="next-address-of-the-channel"),
    pytest.param(incident(CRITICAL), roster(), ADA, "ada/slack ada/sms", "bob/slack bob/sms",
        id="next-person-by-all-their-ways"),
    pytest.param(incident(CRITICAL), roster(bob=()), ADA, "ada/slack ada/sms", "",
        id="nobody-left"),
    pytest.param(incident(CRITICAL), roster(), BOB,
        "ada/slack ada/sms bob/slack bob/sms", "", id="the-whole-list-was-tried"),
    pytest.param(incident(CRITICAL, SECOND), roster(), CY, "cy/slack cy/sms", "",
        id="a-person-has-no-list"),
    pytest.param(incident(INFO), roster(), ADA, "ada/slack", "bob/slack",
        id="news-stay-in-chat"),
    pytest.param(incident(FORECAST), roster(bob=("sms",)), ADA, "ada/slack", "",
        id="forecasts-too"),
]
# fmt: on


@pytest.mark.parametrize(("given", "who", "failed", "tried", "instead"), FAILURES)
def test_instead(given: Incident, who: Roster, failed: str, tried: str, instead: str) -> None:
    place = "incident/42/round/0/step/0/"
    before = {place + it for it in tried.split()}
    rings = rings_instead(given, PAGE, PEOPLE[failed].id, before, who)  # type: ignore[index]
    assert [ring.key(given.id) for ring in rings] == [place + it for it in instead.split()]


def test_failing_over_and_over_ends_and_asks_nobody_twice() -> None:
    four = OnCallList(name="primary", people=(ADA, BOB, CY))
    book: Playbook = replace(PLAYBOOK, oncall={"primary": four})
    who, given = Roster(playbook=book, overrides=(), now=NOON), incident(CRITICAL)
    tried: list[str] = []
    waiting = list(rings_of(given, PAGE, who))
    while waiting:
        ring = waiting.pop()
        tried.append(ring.key(given.id))
        if any(it.person == ring.person for it in waiting):
            continue
        known = {*tried, *(it.key(given.id) for it in waiting)}
        waiting += rings_instead(given, PAGE, ring.person, known, who)
    assert len(tried) == len(set(tried)) == 6
