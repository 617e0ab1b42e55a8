"""What holds for the machine whatever happens, in whatever order."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from routing.incidents.effects import Effects, Hush, PageStep, SetTimer
from routing.incidents.events import (
    AckExpired,
    Acknowledge,
    AlertsChanged,
    Assess,
    Escalate,
    EscalationDue,
    Event,
    GroupReady,
    Resolve,
    Snooze,
    SnoozeEnded,
    Undelivered,
)
from routing.incidents.machine import transition
from storage.errors import NotAllowed
from storage.model.alert import Category, Severity
from storage.model.incident import Incident, Status, Verdict
from storage.model.timer import TimerKind
from tests.routing.incidents.cases import ADA, GRACE, NOON, incident

people = st.sampled_from([ADA, GRACE])
holds = st.timedeltas(timedelta(minutes=1), timedelta(hours=8))
rounds, steps = st.integers(-1, 3), st.integers(0, 3)
alerts = st.builds(
    AlertsChanged,
    firing=st.integers(0, 3),
    total=st.just(3),
    title=st.just("CheckoutSlow"),
    severity=st.sampled_from(Severity),
    category=st.sampled_from(Category),
    muted=st.sampled_from(["", "silence 1", "silence 2"]),
)
events: st.SearchStrategy[Event] = st.one_of(
    alerts,
    st.builds(GroupReady),
    st.builds(EscalationDue, rounds, steps),
    st.builds(Undelivered, rounds, steps),
    st.builds(AckExpired, rounds),
    st.builds(SnoozeEnded, rounds),
    st.builds(Acknowledge, people, st.none() | holds),
    st.builds(Snooze, people, holds),
    st.builds(Escalate, people),
    st.builds(Resolve, people),
    st.builds(Assess, people, st.sampled_from(Verdict)),
)


def walk(story: list[Event]) -> list[tuple[Incident, Event, Incident, Effects]]:
    """Play the events, ten minutes apart; refused ones change nothing."""
    here, now, seen = incident(), NOON, []
    for event in story:
        now += timedelta(minutes=10)
        try:
            change = transition(here, event, now)
        except NotAllowed:
            continue
        seen.append((here, event, change.incident, change.effects))
        here = change.incident
    return seen


@given(st.lists(events, max_size=30))
def test_a_round_never_goes_back_and_a_step_only_within_a_new_round(story: list[Event]) -> None:
    for before, _, after, _ in walk(story):
        assert after.round >= before.round
        assert after.round > before.round or after.step >= before.step


@given(st.lists(events, max_size=30))
def test_no_step_is_asked_twice(story: list[Event]) -> None:
    asked = [e for *_, effects in walk(story) for e in effects if isinstance(e, PageStep)]
    assert len(asked) == len(set(asked))


@given(st.lists(events, max_size=30))
def test_pages_are_asked_only_while_triggered(story: list[Event]) -> None:
    for _, _, after, effects in walk(story):
        if any(isinstance(effect, PageStep) for effect in effects):
            assert after.status is Status.TRIGGERED


@given(st.lists(events, max_size=30))
def test_who_stops_the_ringing_cancels_what_is_queued(story: list[Event]) -> None:
    for before, _, after, effects in walk(story):
        if before.status is Status.TRIGGERED and after.status is not Status.TRIGGERED:
            assert Hush() in effects


@given(st.lists(events, max_size=30))
def test_what_escalates_always_has_a_timer(story: list[Event]) -> None:
    """It never goes silent: a triggered incident that escalates is woken again."""
    running = {TimerKind.ESCALATE}
    for _, _, after, effects in walk(story):
        for effect in effects:
            if isinstance(effect, SetTimer):
                running.add(effect.kind)
            elif type(effect).__name__ == "CancelTimer":
                running.discard(effect.kind)  # type: ignore[union-attr]
        if after.status is Status.TRIGGERED and after.severity.escalates:
            assert TimerKind.ESCALATE in running
        if after.status is Status.ACKNOWLEDGED:
            assert TimerKind.ACK_EXPIRES in running
        if after.status is Status.SNOOZED:
            assert TimerKind.SNOOZE_ENDS in running
        if after.status in (Status.RESOLVED, Status.MUTED):
            assert not running & set(TimerKind)


@given(st.lists(events, max_size=30))
def test_what_is_muted_waits_for_the_end_of_it_and_rings_nobody(story: list[Event]) -> None:
    """Nothing but a person's word rings it; when it is heard again it asks at once, or has been
    answered."""
    for before, event, after, effects in walk(story):
        if after.status is Status.MUTED:
            assert after.muted
        rings = any(isinstance(effect, PageStep) for effect in effects)
        if rings and after.muted and not isinstance(event, Escalate):
            assert before.status is Status.TRIGGERED
        heard = before.muted and not after.muted and after.status.is_open
        if before.status is Status.MUTED and heard:
            assert after.status is not Status.MUTED


@given(st.lists(events, max_size=30))
def test_open_means_firing(story: list[Event]) -> None:
    for *_, after, _ in walk(story):
        assert after.firing > 0 or after.status is Status.RESOLVED
