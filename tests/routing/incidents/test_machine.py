"""The machine, one row a sentence of its specification."""

from datetime import timedelta

import pytest

from routing.incidents.effects import (
    Announce,
    CancelTimer,
    Effects,
    Hush,
    PageStep,
    SetTimer,
    Tell,
    TellAdmins,
)
from routing.incidents.events import (
    AckExpired,
    Acknowledge,
    AlertsChanged,
    Escalate,
    EscalationDue,
    Event,
    GroupReady,
    Resolve,
    Rung,
    Snooze,
    SnoozeEnded,
    Undelivered,
)
from routing.incidents.machine import begin, belongs, transition
from storage.errors import NotAllowed
from storage.model.alert import Category, Severity
from storage.model.incident import Incident, IncidentId, Status
from storage.model.policy import Policy, Step
from storage.model.timer import TimerKind
from tests.routing.incidents.cases import (
    ADA,
    GRACE,
    HOUR,
    NOON,
    POLICY,
    PRIMARY,
    SOON,
    changed,
    incident,
)

ASKING = (
    *(TimerKind.GROUP_READY, TimerKind.ESCALATE),
    *(TimerKind.ACK_EXPIRES, TimerKind.SNOOZE_ENDS),
)
STOP = tuple(CancelTimer(kind) for kind in ASKING)
REPEAT = timedelta(minutes=15)
ASK_0 = (PageStep(0, 0), SetTimer(TimerKind.ESCALATE, SOON, 0, 1))
ASK_AGAIN = (
    *STOP,
    Hush(),
    PageStep(1, 0),
    SetTimer(TimerKind.ESCALATE, SOON, 1, 1),
    Announce(),
)
TRIGGERED, ACKED, SNOOZED, RESOLVED, GATHERING = (
    Status.TRIGGERED,
    Status.ACKNOWLEDGED,
    Status.SNOOZED,
    Status.RESOLVED,
    Status.GATHERING,
)
WARNING = {"severity": Severity.WARNING}


# fmt: off
TABLE = [
    pytest.param(incident(), EscalationDue(0, 1), TRIGGERED,
        (PageStep(0, 1), SetTimer(TimerKind.ESCALATE, REPEAT, 0, 2), Announce()),
        id="last-step-then-waits-to-begin-again"),
    pytest.param(incident(step=1), EscalationDue(0, 2), TRIGGERED,
        (*ASK_AGAIN,
         TellAdmins("finished/0", "policy 'default' is finished: nobody answered in time")),
        id="finished-policy-repeats-and-tells-an-administrator"),
    pytest.param(incident(step=1), EscalationDue(0, 1), TRIGGERED, (), id="late-step-is-ignored"),
    pytest.param(incident(round=1), EscalationDue(0, 1), TRIGGERED, (), id="old-round-is-ignored"),
    pytest.param(incident(ACKED), EscalationDue(0, 1), ACKED, (), id="no-step-after-an-ack"),
    pytest.param(incident(), Undelivered(0, 0), TRIGGERED,
        (PageStep(0, 1), SetTimer(TimerKind.ESCALATE, REPEAT, 0, 2),
         TellAdmins("undelivered/0/0", "step 1 reached nobody"), Announce()),
        id="unreachable-step-goes-on-at-once"),
    pytest.param(incident(step=1), Undelivered(0, 1), TRIGGERED,
        (TellAdmins("undelivered/0/1", "step 2 reached nobody"), Announce()),
        id="unreachable-last-step-waits-for-the-repeat"),
    pytest.param(incident(step=1), Undelivered(0, 0), TRIGGERED,
        (TellAdmins("undelivered/0/0", "step 1 reached nobody"), Announce()),
        id="late-failure-of-an-earlier-step-is-told"),
    pytest.param(incident(ACKED), Undelivered(0, 0), ACKED, (), id="undelivered-after-ack-is-over"),
    pytest.param(incident(), Acknowledge(ADA), ACKED,
        (*STOP, Hush(), SetTimer(TimerKind.ACK_EXPIRES, HOUR, 0),
         Tell((), "taken", "acknowledged by ada"), Announce()), id="ack-stops-escalation"),
    pytest.param(incident(), Acknowledge(GRACE, SOON, "on it"), ACKED,
        (*STOP, Hush(), SetTimer(TimerKind.ACK_EXPIRES, SOON, 0),
         Tell((ADA,), "taken", "acknowledged by grace: on it"), Announce()),
        id="those-who-were-rung-hear-who-took-it"),
    pytest.param(incident(SNOOZED), Acknowledge(ADA), ACKED,
        (*STOP, Hush(), SetTimer(TimerKind.ACK_EXPIRES, HOUR, 0),
         Tell((), "taken", "acknowledged by ada"), Announce()), id="ack-ends-a-snooze"),
    pytest.param(incident(ACKED), Acknowledge(ADA, SOON), ACKED,
        (SetTimer(TimerKind.ACK_EXPIRES, SOON, 0), Announce()), id="owner-extends"),
    pytest.param(incident(ACKED), AckExpired(0), TRIGGERED, ASK_AGAIN, id="ack-runs-out"),
    pytest.param(incident(ACKED), AckExpired(-1), ACKED, (), id="old-ack-timer-is-ignored"),
    pytest.param(incident(), AckExpired(0), TRIGGERED, (), id="ack-timer-without-ack"),
    pytest.param(incident(), Snooze(GRACE, HOUR), SNOOZED,
        (*STOP, Hush(), SetTimer(TimerKind.SNOOZE_ENDS, HOUR, 0),
         Tell((ADA,), "snoozed", "snoozed by grace"), Announce()), id="snooze"),
    pytest.param(incident(SNOOZED), SnoozeEnded(0), TRIGGERED, ASK_AGAIN, id="snooze-ends"),
    pytest.param(incident(ACKED), SnoozeEnded(0), ACKED, (), id="snooze-timer-comes-late"),
    pytest.param(incident(), Resolve(GRACE), RESOLVED,
        (*STOP, Hush(), Tell((ADA,), "over", "resolved by grace"), Announce()), id="resolve"),
    pytest.param(incident(), changed(firing=0), RESOLVED,
        (*STOP, Hush(), Tell((ADA,), "over", "resolved by itself"), Announce()), id="clears"),
    pytest.param(incident(SNOOZED), changed(firing=0), RESOLVED,
        (*STOP, Hush(), Tell((ADA,), "over", "resolved by itself"), Announce()),
        id="clears-while-snoozed"),
    pytest.param(incident(GATHERING), changed(firing=0), RESOLVED, STOP,
        id="clears-before-anybody-was-told"),
    pytest.param(incident(GATHERING), GroupReady(), TRIGGERED, (*ASK_0, Announce()),
        id="group-ready"),
    pytest.param(incident(), GroupReady(), TRIGGERED, (), id="group-timer-comes-late"),
    pytest.param(incident(GATHERING), changed(firing=2, total=2), GATHERING, (),
        id="gathering-tells-nobody"),
    pytest.param(incident(), changed(), TRIGGERED, (), id="same-again-is-no-news"),
    pytest.param(incident(), changed(firing=2, total=2), TRIGGERED, (Announce(),), id="one-more"),
    pytest.param(incident(), changed(no_data_since=NOON), TRIGGERED, (Announce(),),
        id="silence-does-not-resolve"),
    pytest.param(incident(**WARNING), changed(), TRIGGERED, ASK_AGAIN, id="worse-asks-again"),
    pytest.param(incident(SNOOZED, **WARNING), changed(), TRIGGERED, ASK_AGAIN,
        id="worse-wakes-a-snooze"),
    pytest.param(incident(ACKED, **WARNING), changed(), ACKED,
        (Tell((ADA,), "worse/critical", "severity rose to critical"), Announce()),
        id="worse-is-told-to-the-owner"),
    pytest.param(incident(RESOLVED), changed(), TRIGGERED,
        (PageStep(1, 0), SetTimer(TimerKind.ESCALATE, SOON, 1, 1), Announce()), id="reopens"),
    pytest.param(incident(RESOLVED, quiet=True, firing=1), changed(firing=2, total=2), RESOLVED,
        (), id="resolved-by-hand-stays-quiet"),
    pytest.param(incident(RESOLVED, quiet=True, firing=1), changed(firing=0), RESOLVED,
        (Announce(),), id="quiet-one-clears"),
    pytest.param(incident(), Escalate(GRACE), TRIGGERED,
        (PageStep(0, 1), SetTimer(TimerKind.ESCALATE, REPEAT, 0, 2), Announce()),
        id="escalating-takes-the-next-step-at-once"),
    pytest.param(incident(step=1), Escalate(GRACE, "at a loss"), TRIGGERED,
        (*ASK_AGAIN,
         TellAdmins("finished/0", "policy 'default' is finished: escalated by grace: at a loss")),
        id="escalating-past-the-last-step-begins-again"),
    pytest.param(incident(ACKED), Escalate(ADA), TRIGGERED,
        (*STOP, Hush(), PageStep(1, 1), SetTimer(TimerKind.ESCALATE, REPEAT, 1, 2), Announce()),
        id="who-holds-it-passes-it-on"),
    pytest.param(incident(SNOOZED), Escalate(GRACE), TRIGGERED,
        (*STOP, Hush(), Tell((ADA,), "escalated", "escalated by grace"),
         PageStep(1, 1), SetTimer(TimerKind.ESCALATE, REPEAT, 1, 2), Announce()),
        id="who-held-it-hears-that-it-was-passed-on"),
    pytest.param(incident(GATHERING), Escalate(GRACE), TRIGGERED,
        (CancelTimer(TimerKind.GROUP_READY), *ASK_0, Announce()), id="escalating-gathers-no-more"),
    pytest.param(incident(), Rung((ADA, GRACE)), TRIGGERED, (), id="rung-is-remembered"),
]
REFUSALS = [
    (incident(ACKED), Acknowledge(GRACE), "#42 is already acknowledged by ada"),
    (incident(ACKED), Acknowledge(ADA), "#42 is already acknowledged by ada"),
    (incident(RESOLVED), Acknowledge(ADA), "#42 is already resolved by itself"),
    (incident(RESOLVED, resolved_by=GRACE), Resolve(ADA), "#42 is already resolved by grace"),
    (incident(RESOLVED), Escalate(ADA), "#42 is already resolved by itself"),
    (incident(RESOLVED), Snooze(ADA, HOUR), "#42 is already resolved by itself"),
]
# fmt: on


@pytest.mark.parametrize(("given", "event", "status", "effects"), TABLE)
def test_transition(given: Incident, event: Event, status: Status, effects: Effects) -> None:
    got = transition(given, event, NOON)
    assert (got.incident.status, got.effects) == (status, effects)


@pytest.mark.parametrize(("given", "event", "refusal"), REFUSALS)
def test_refusals_say_why(given: Incident, event: Event, refusal: str) -> None:
    with pytest.raises(NotAllowed, match=refusal):
        transition(given, event, NOON)


def opened(policy: Policy = POLICY, severity: Severity = Severity.CRITICAL) -> Effects:
    change = AlertsChanged(1, 1, "CheckoutSlow", severity, Category.ERRORS)
    return begin(IncidentId(42), "default/x", change, policy, NOON).effects


def test_a_new_incident_asks_at_once() -> None:
    assert opened() == (*ASK_0, Announce())


def test_a_group_wait_gathers_first() -> None:
    wait = Policy(name="slow", steps=POLICY.steps, group_wait=SOON)
    assert opened(wait) == (SetTimer(TimerKind.GROUP_READY, SOON),)


def test_what_was_called_over_too_early_rings_again() -> None:
    quiet = incident(RESOLVED, firing=1, quiet=True, resolved_by=ADA, cleared_at=None)
    again = transition(quiet, Escalate(GRACE), NOON)
    here = again.incident
    assert (here.status, here.quiet, here.resolved_by) == (Status.TRIGGERED, False, None)
    assert again.effects[0] == PageStep(1, 0)
    assert again.because == "escalated by grace, it fires still"
    with pytest.raises(NotAllowed, match="resolved by ada; it fires still: `escalate 42` lets it"):
        transition(quiet, Acknowledge(GRACE), NOON)


def test_what_was_over_before_anybody_was_told_gathers_again() -> None:
    slow = Policy(name="slow", steps=POLICY.steps, group_wait=SOON)
    first = begin(IncidentId(42), "group", changed(), slow, NOON).incident
    over = transition(first, changed(firing=0), NOON).incident
    again = transition(over, changed(), NOON)
    assert again.incident.status is Status.GATHERING
    assert again.effects == (SetTimer(TimerKind.GROUP_READY, SOON),)
    told = transition(again.incident, GroupReady(), NOON)
    assert told.effects == (*ASK_0, Announce())
    back = transition(transition(told.incident, changed(firing=0), NOON).incident, changed(), NOON)
    assert back.incident.status is Status.TRIGGERED


def test_a_delayed_first_step_waits() -> None:
    late = Policy(name="late", steps=(Step(after=SOON, targets=PRIMARY),))
    assert opened(late) == (SetTimer(TimerKind.ESCALATE, SOON, 0, 0), Announce())


@pytest.mark.parametrize("severity", [Severity.INFORMATIONAL, Severity.PREDICTIVE])
def test_news_is_told_once_and_does_not_escalate(severity: Severity) -> None:
    assert opened(severity=severity) == (PageStep(0, 0), Announce())


@pytest.mark.parametrize(
    ("given", "after", "expected"),
    [
        (incident(), timedelta(days=9), True),
        (incident(RESOLVED), timedelta(minutes=30), True),
        (incident(RESOLVED), timedelta(minutes=30, seconds=1), False),
        (incident(RESOLVED, quiet=True, firing=1), timedelta(minutes=1), False),
    ],
)
def test_when_trouble_belongs_to_it(given: Incident, after: timedelta, expected: bool) -> None:
    assert belongs(given, NOON + after) is expected


def test_later_trouble_does_not_reopen() -> None:
    got = transition(incident(RESOLVED), changed(), NOON + HOUR)
    assert (got.incident, got.effects) == (incident(RESOLVED), ())


def test_resolved_by_hand_is_quiet_until_it_clears_and_reopens_after() -> None:
    held = transition(incident(), Resolve(ADA), NOON).incident
    assert held.quiet
    still = transition(held, changed(firing=2, total=2), NOON + HOUR).incident
    assert still.status is RESOLVED
    clear = transition(still, changed(firing=0), NOON + HOUR).incident
    assert not clear.quiet
    back = transition(clear, changed(), NOON + HOUR + SOON).incident
    assert (back.status, back.round) == (TRIGGERED, 1)
