"""Who would not be reached: one row, one hole in the net."""

from dataclasses import replace
from datetime import timedelta

import pytest

from routing.finding import Verdict
from routing.oncall.reachable import unreached
from routing.playbook import Playbook
from storage.model.alert import Severity
from storage.model.person import (
    OnCallList,
    Override,
    Permission,
    PersonalRule,
    PersonId,
    Turn,
)
from storage.model.policy import Policy, Step, Target, TargetKind
from tests.fakes import NOON
from tests.routing.town import ADA, BOB, CY, PLAYBOOK, POLICY, PRIMARY, person

CHAT_ONLY = person(BOB, "slack")
NOWHERE = person(CY)
EMPTY = {"primary": OnCallList(name="primary", people=())}


def book(policy: Policy = POLICY, **changed: object) -> Playbook:
    policies = {"default": policy}
    return replace(PLAYBOOK, policies=policies, **changed)  # type: ignore[arg-type]


def asks(*names: PersonId, by: tuple[str, ...] = ()) -> Step:
    targets = tuple(Target(kind=TargetKind.PERSON, name=name) for name in names)
    return Step(after=timedelta(0), targets=targets, by=by)


# fmt: off
HOLES = [
    pytest.param(book(), Verdict.OK,
        "policy default: each of 2 steps reaches somebody", id="well"),
    pytest.param(book(oncall=EMPTY), Verdict.FAULT,
        "policy default, step 1: nobody is on call on the list primary", id="empty-list"),
    pytest.param(book(oncall=EMPTY), Verdict.FAULT,
        "policy default, step 1 reaches nobody", id="empty-step"),
    pytest.param(book(people=PLAYBOOK.people | {CY: NOWHERE}), Verdict.FAULT,
        "cy has no address on any channel", id="no-address"),
    pytest.param(book(people=PLAYBOOK.people | {CY: NOWHERE}), Verdict.FAULT,
        "policy default, step 2 reaches nobody", id="unreachable-step"),
    pytest.param(book(replace(POLICY, steps=(asks(BOB, by=("sms",)), asks(CY))),
        people=PLAYBOOK.people | {BOB: CHAT_ONLY}), Verdict.WARNING,
        "policy default, step 1: bob has no address on sms, and would be asked by slack (critical)",
        id="elsewhere"),
    pytest.param(book(replace(POLICY, steps=(asks(ADA),))), Verdict.WARNING,
        "policy default asks ada alone: nobody follows when ada sleeps on", id="alone"),
    pytest.param(book(people=PLAYBOOK.people | {CY: person(CY, "sms")}), Verdict.WARNING,
        "cy has one way only, sms: when it fails, cy is not reached", id="one-way"),
    pytest.param(book(people={**PLAYBOOK.people, PersonId("root"):
        person(PersonId("root"), permission=Permission.ADMIN)}), Verdict.FAULT,
        "no administrator has an address: nobody hears when Tocsin itself is in trouble",
        id="no-admin"),
]
# fmt: on


@pytest.mark.parametrize(("given", "verdict", "text"), HOLES)
def test_a_hole_is_named(given: Playbook, verdict: Verdict, text: str) -> None:
    assert (verdict, text) in {(it.verdict, it.text) for it in unreached(given, (), NOON)}


def test_whoever_took_over_fills_an_empty_list() -> None:
    hour = timedelta(hours=1)
    taken = Override(
        oncall="primary", person=ADA, starts_at=NOON - hour, ends_at=NOON + hour, made_by=ADA
    )
    given = book(oncall=EMPTY)
    assert any(it.verdict is Verdict.FAULT for it in unreached(given, (), NOON))
    assert not any(it.verdict is Verdict.FAULT for it in unreached(given, (taken,), NOON))
    assert any(it.verdict is Verdict.FAULT for it in unreached(given, (taken,), NOON + hour))


def test_a_policy_that_no_alert_comes_to_is_passed_over() -> None:
    idle = Policy(name="idle", steps=(Step(after=timedelta(0), targets=(PRIMARY,)),))
    policies = {"default": replace(POLICY, steps=(asks(ADA), asks(BOB))), "idle": idle}
    given = replace(PLAYBOOK, policies=policies, oncall=EMPTY)
    assert [it.text for it in unreached(given, (), NOON)] == [
        "policy default: each of 2 steps reaches somebody"
    ]


def test_by_severity_is_what_a_step_asks_by() -> None:
    given = book(
        replace(POLICY, steps=(asks(BOB), asks(ADA))),
        people=PLAYBOOK.people | {BOB: CHAT_ONLY},
        by_severity={Severity.CRITICAL: ("sms",), Severity.WARNING: ("chat",)},
    )
    told = [it.text for it in unreached(given, (), NOON) if "step 1" in it.text]
    assert told == [
        "policy default, step 1: bob has no address on sms, and would be asked by slack (critical)"
    ]


def test_who_is_asked_by_their_own_rule_is_where_they_want_to_be() -> None:
    rule = PersonalRule(turns=(Turn(after=timedelta(0), by=("push",)),))
    bob = replace(person(BOB, "slack", "push"), rules=(rule,))
    people = PLAYBOOK.people | {BOB: bob}
    given = book(replace(POLICY, steps=(asks(BOB), asks(CY))), people=people)
    assert not [it.text for it in unreached(given, (), NOON) if "would be asked" in it.text]
