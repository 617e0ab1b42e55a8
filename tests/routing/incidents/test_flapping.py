"""What coming and going does to an incident, step by step, and what holds whatever comes."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.incidents.effects import (
    Announce,
    CancelTimer,
    Effect,
    PageStep,
    Refresh,
    SetTimer,
    Tell,
)
from routing.incidents.events import (
    AckExpired,
    Acknowledge,
    Calm,
    EscalationDue,
    Event,
    Resolve,
    Snooze,
    SnoozeEnded,
    UpdateDue,
)
from routing.incidents.machine import begin, transition
from storage.errors import NotAllowed
from storage.model.flaps import Flapping, Flaps
from storage.model.incident import Incident, IncidentId, Status
from storage.model.timer import TimerKind
from tests.routing.incidents.cases import ADA, MUTED, NOON, POLICY, changed, incident

CALM = timedelta(minutes=10)
RULE = Flapping(times=3, within=timedelta(minutes=15), calm=CALM)
FLAPPY = replace(POLICY, flapping=RULE)
FLAPS = Flaps(recent=(NOON, NOON, NOON), since=NOON, count=3)
ON, OFF = changed(), changed(firing=0)


def flapping(status: Status = Status.TRIGGERED, **more: object) -> Incident:
    return incident(status, **{"policy": FLAPPY, "flaps": FLAPS, **more})


def calm_in(change: int) -> SetTimer:
    return SetTimer(TimerKind.CALM, CALM, step=change)


# fmt: off
TABLE = [
    pytest.param(flapping(), OFF, Status.TRIGGERED, (Refresh(), calm_in(7)),
        id="it-stays-open-when-nothing-fires"),
    pytest.param(flapping(firing=0), ON, Status.TRIGGERED, (Refresh(), calm_in(8)),
        id="it-fires-again-and-nobody-is-told"),
    pytest.param(flapping(Status.ACKNOWLEDGED, firing=0), ON, Status.ACKNOWLEDGED,
        (Refresh(), calm_in(8)), id="who-has-it-keeps-it"),
    pytest.param(flapping(firing=0), Calm(6), Status.TRIGGERED, (), id="late-calm-changes-nothing"),
    pytest.param(flapping(), Calm(6), Status.TRIGGERED, (Announce(),), id="calm-and-firing"),
    pytest.param(flapping(firing=0), EscalationDue(0, 1), Status.TRIGGERED,
        (SetTimer(TimerKind.ESCALATE, CALM, 0, 1), Announce()), id="nobody-is-rung-for-nothing"),
    pytest.param(flapping(), EscalationDue(0, 1), Status.TRIGGERED,
        (PageStep(0, 1), SetTimer(TimerKind.ESCALATE, timedelta(minutes=15), 0, 2), Announce()),
        id="what-fires-escalates"),
    pytest.param(flapping(firing=0, flaps=replace(FLAPS, held=True)), ON, Status.TRIGGERED,
        (PageStep(0, 1), SetTimer(TimerKind.ESCALATE, timedelta(minutes=15), 0, 2), Announce(),
         calm_in(8)), id="a-step-that-waited-is-taken-when-it-fires"),
    pytest.param(flapping(firing=2, total=2), changed(firing=1, total=2), Status.TRIGGERED,
        (Refresh(),), id="one-of-a-group-ends"),
    pytest.param(flapping(firing=1, total=2), changed(firing=2, total=2), Status.TRIGGERED,
        (Refresh(), calm_in(8)), id="one-of-a-group-begins-again"),
    pytest.param(flapping(), changed(firing=2, total=2), Status.TRIGGERED, (Announce(),),
        id="one-that-never-was-there-is-told"),
]
# fmt: on


@pytest.mark.parametrize(("given", "event", "status", "effects"), TABLE)
def test_transition(
    given: Incident, event: Event, status: Status, effects: tuple[Effect, ...]
) -> None:
    got = transition(given, event, NOON)
    assert (got.incident.status, got.effects) == (status, effects)


def test_calm_resolves_what_does_not_fire_and_says_how_often() -> None:
    got = transition(flapping(firing=0), Calm(7), NOON)
    assert (got.incident.status, got.what) == (Status.RESOLVED, "resolved")
    assert got.because == "all alerts cleared, after flapping, 3 times in 0 s"
    assert Tell((ADA,), "over", "resolved by itself") in got.effects


def test_a_mute_ends_it_and_all_that_waits() -> None:
    got = transition(flapping(), changed(muted=MUTED), NOON)
    assert got.incident.status is Status.MUTED
    assert CancelTimer(TimerKind.CALM) in got.effects
    assert transition(flapping(muted=MUTED), OFF, NOON).incident.status is Status.RESOLVED


def test_what_opens_anew_remembers_how_often_the_one_before_did() -> None:
    lately = Flaps(recent=(NOON, NOON))
    got = begin(IncidentId(43), "group", ON, FLAPPY, NOON, lately)
    assert got.incident.flaps.count == 3
    assert got.because.startswith("alerts began to fire; flapping, 3 times")
    assert got.effects[0] == PageStep(0, 0)


def test_a_group_is_told_of_what_joined_after_a_while_and_of_ends_at_once() -> None:
    wait = timedelta(minutes=5)
    group = incident(policy=replace(POLICY, group_interval=wait))
    one = transition(group, changed(firing=2, total=2), NOON)
    assert one.effects == (SetTimer(TimerKind.GROUP_UPDATE, wait), Refresh())
    two = transition(one.incident, changed(firing=4, total=4), NOON)
    assert (two.effects, two.what) == ((Refresh(),), "")
    ends = transition(two.incident, changed(firing=3, total=4), NOON)
    assert ends.effects == (CancelTimer(TimerKind.GROUP_UPDATE), Announce())
    assert ends.because == "1 alert is over, 3 more began to fire, 3 firing now"
    assert transition(ends.incident, UpdateDue(), NOON).effects == ()
    told = transition(two.incident, UpdateDue(), NOON)
    assert (told.effects, told.because) == (
        (Announce(),),
        "3 more alerts began to fire, 4 firing now",
    )
    assert transition(told.incident, UpdateDue(), NOON).effects == ()


def test_what_ends_and_what_begins_together_is_told_as_both() -> None:
    group = incident(firing=2, total=2, policy=replace(POLICY, group_interval=timedelta(minutes=5)))
    swapped = transition(group, changed(firing=2, total=3), NOON)
    assert swapped.because == "1 alert is over, 1 more began to fire, 2 firing now"
    assert transition(group, changed(firing=1, total=2), NOON).because == (
        "1 alert is over, 1 firing now"
    )
    both = transition(group, changed(firing=1, total=3), NOON)
    assert both.because == "2 alerts are over, 1 more began to fire, 1 firing now"


def test_without_an_interval_what_joins_is_told_at_once_where_nothing_is_edited_too() -> None:
    group = incident(firing=1, total=1, policy=replace(POLICY, group_interval=timedelta(0)))
    told = transition(group, changed(firing=2, total=2), NOON)
    assert (told.effects, told.because) == (
        (Announce(),),
        "1 more alert began to fire, 2 firing now",
    )
    assert told.incident.updated_at == NOON


# what holds whatever comes

MINUTE = timedelta(minutes=1)
stories = st.lists(
    st.tuples(
        st.sampled_from(["fire", "clear", "clear", "fire", "more", "ack", "snooze", "resolve"]),
        st.integers(0, 25),
    ),
    min_size=1,
    max_size=60,
)


@dataclass
class Life:
    """An incident that a small loop lives through: its timers come when they are due."""

    here: Incident
    minute: int = 0
    due: dict[TimerKind, tuple[int, SetTimer]] = field(default_factory=dict)
    pages: int = 0
    told: list[str] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        try:
            got = transition(self.here, event, NOON + self.minute * MINUTE)
        except NotAllowed:
            return
        self.here = got.incident
        for effect in got.effects:
            match effect:
                case SetTimer():
                    wait = max(1, int(effect.after / MINUTE))
                    self.due[effect.kind] = (self.minute + wait, effect)
                case CancelTimer(kind):
                    self.due.pop(kind, None)
                case PageStep():
                    assert self.here.firing, "rung for what does not fire"
                    self.pages += 1
                case Announce():
                    self.told.append(got.what)

    def wait(self, minutes: int) -> None:
        for _ in range(minutes):
            self.minute += 1
            now = [kind for kind, (at, _) in self.due.items() if at <= self.minute]
            for kind in now:
                if kind in self.due:
                    self.hear(_event(self.due.pop(kind)[1]))

    def do(self, what: str) -> None:
        firing, total = self.here.firing, self.here.total
        events: dict[str, Event] = {
            "fire": changed(firing=max(1, firing), total=total),
            "clear": changed(firing=0, total=total),
            "more": changed(firing=firing + 1, total=total + 1),
            "ack": Acknowledge(ADA, 30 * MINUTE),
            "snooze": Snooze(ADA, 20 * MINUTE),
            "resolve": Resolve(ADA),
        }
        self.hear(events[what])


def _event(timer: SetTimer) -> Event:
    match timer.kind:
        case TimerKind.ESCALATE:
            return EscalationDue(timer.round, timer.step)
        case TimerKind.ACK_EXPIRES:
            return AckExpired(timer.round)
        case TimerKind.SNOOZE_ENDS:
            return SnoozeEnded(timer.round)
        case TimerKind.CALM:
            return Calm(timer.step)
        case _:
            return UpdateDue()


def life(policy_repeats: bool = True) -> Life:
    policy = replace(FLAPPY, group_interval=5 * MINUTE)
    if not policy_repeats:
        policy = replace(policy, steps=policy.steps[:1], repeat_after=timedelta(days=9))
    it = Life(incident(policy=policy, flaps=Flaps(recent=(NOON,)), rung=()))
    it.due[TimerKind.ESCALATE] = (5, SetTimer(TimerKind.ESCALATE, 5 * MINUTE, 0, 1))
    return it


@settings(max_examples=150, deadline=None)
@given(stories)
def test_it_ends_in_the_true_state_and_that_is_told(story: list[tuple[str, int]]) -> None:
    it = life()
    for what, minutes in story:
        it.do(what)
        assert it.here.firing or it.here.flaps.since or not it.here.status.is_open
        if it.here.status is Status.TRIGGERED:
            assert TimerKind.ESCALATE in it.due
        it.wait(minutes)
    it.wait(11)  # calm for longer than it takes
    assert it.here.flaps.since is None
    assert not it.here.flaps.held
    if not it.here.firing:
        assert it.here.status is Status.RESOLVED
        assert it.told[-1:] in ([], ["resolved"], ["cleared"]) or it.here.resolved_by
    elif not it.here.quiet:
        assert it.here.status.is_open
    assert not {TimerKind.CALM, TimerKind.GROUP_UPDATE} & set(it.due)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 25), min_size=1, max_size=80))
def test_the_number_of_messages_is_bounded_by_time_and_not_by_flips(gaps: list[int]) -> None:
    it = life(policy_repeats=False)
    for place, minutes in enumerate(gaps):
        it.wait(minutes)
        it.do("fire" if place % 2 else "clear")
    it.wait(11)
    # At most so many at once, and one more episode each time that it was calm in between.
    episodes = RULE.times + it.minute / (CALM / MINUTE)
    assert it.pages <= episodes
    assert len(it.told) <= 2 * episodes + 1


def test_a_hundred_flips_in_ten_minutes_are_three_pages() -> None:
    it = life(policy_repeats=False)
    for _ in range(100):
        it.do("clear")
        it.do("fire")
    assert it.pages == 2  # the first one was before this story began
    assert it.told == ["resolved", "reopened", "resolved", "reopened"]
    assert it.here.flaps.count == 101
    it.do("clear")
    it.wait(11)
    assert it.told[4:] == ["resolved"]
