"""An event thought through to its end."""

from dataclasses import replace
from datetime import timedelta

from routing.incidents.decide import Decision, Fact, follow
from routing.incidents.effects import Announce, PageStep, SetTimer, Tell, TellAdmins
from routing.incidents.events import AlertsChanged
from routing.incidents.machine import begin
from routing.oncall.expand import Roster, rings_of
from storage.model.alert import Category, Severity
from storage.model.incident import Incident, IncidentId
from storage.model.person import OnCallList
from storage.model.timer import TimerKind
from tests.fakes import NOON
from tests.routing.town import ADA, CY, PEOPLE, PLAYBOOK, POLICY, person

NOBODY = replace(PLAYBOOK, oncall={"primary": OnCallList(name="primary", people=())})
NOBODY_AT_ALL = replace(NOBODY, people=PEOPLE | {CY: person(CY)})


def opened(playbook: object = PLAYBOOK, severity: Severity = Severity.CRITICAL) -> Decision:
    roster = Roster(playbook=playbook, overrides=(), now=NOON)  # type: ignore[arg-type]

    def expand(incident: Incident, page: PageStep) -> object:
        return rings_of(incident, page, roster)

    told = AlertsChanged(1, 1, "Slow", severity, Category.ERRORS)
    change = begin(IncidentId(0), "g", told, POLICY, NOON)
    return follow(None, change, expand, NOON)  # type: ignore[arg-type]


def timers(decision: Decision) -> list[SetTimer]:
    return [effect for effect in decision.effects if isinstance(effect, SetTimer)]


def test_those_asked_are_remembered_and_no_page_step_is_left() -> None:
    decision = opened()
    assert decision.after.rung == (ADA,)
    assert [(ring.person, ring.contact.channel) for ring in decision.rings] == [
        (ADA, "slack"),
        (ADA, "sms"),
    ]
    assert not [effect for effect in decision.effects if isinstance(effect, PageStep)]
    assert decision.facts == (Fact(what="opened", because="alerts began to fire"),)
    assert decision.is_told


def test_a_step_without_people_is_passed_over_aloud() -> None:
    decision = opened(NOBODY)
    assert (decision.after.step, decision.after.undelivered) == (1, True)
    assert {ring.person for ring in decision.rings} == {CY}
    assert decision.facts[-1] == Fact(
        what="not delivered", because="step 1 reached nobody; step 2 at once"
    )
    assert TellAdmins("undelivered/0/0", "step 1 reached nobody") in decision.effects
    assert timers(decision)[-1] == SetTimer(
        TimerKind.ESCALATE, timedelta(minutes=15), round=0, step=2
    )


def test_a_policy_that_reaches_nobody_ends_and_keeps_its_timer() -> None:
    decision = opened(NOBODY_AT_ALL)
    assert decision.rings == ()
    assert [fact.because for fact in decision.facts] == [
        "alerts began to fire",
        "step 1 reached nobody; step 2 at once",
        "step 2 reached nobody",
    ]
    assert timers(decision)


def test_news_that_nobody_can_be_asked_about_are_shown_and_trouble_no_administrator() -> None:
    decision = opened(NOBODY, Severity.INFORMATIONAL)
    assert decision.facts[-1].what == "asked nobody"
    assert not [effect for effect in decision.effects if isinstance(effect, Tell | TellAdmins)]
    assert Announce() in decision.effects


def test_nothing_at_all_is_empty() -> None:
    incident = opened().after
    assert Decision(before=incident, after=incident).is_empty
    assert not opened().is_empty
