"""The life of one series of a rule: one row, one sentence; and what never happens."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.rules.lifecycle import (
    BLIND,
    CLEAR,
    PARTLY,
    REFILLING,
    UNHEARD,
    WAITING,
    Change,
    Look,
    Now,
    Phase,
    RuleState,
    Sight,
    Waits,
    step,
)
from storage.clock import Steady
from storage.model.labels import Labels

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LAST = NOON - timedelta(seconds=70)
SERIES = Labels.of(instance="web-1")
AT_ONCE = Waits()
HELD = Waits(hold=timedelta(minutes=5))
KEPT = Waits(keep_firing_for=timedelta(minutes=10))
EXPECT = timedelta(minutes=1)


def now(seconds: float = 0) -> Now:
    return Now(wall=NOON + timedelta(seconds=seconds), steady=Steady(1000.0 + seconds))


def seen(value: float = 7.0, sight: Sight = CLEAR) -> Look:
    return Look(labels=SERIES, value=value, sight=sight, data_until=LAST, grace=EXPECT)


def gone(sight: Sight = CLEAR, *, heard: float = 0) -> Look:
    return Look(
        labels=SERIES,
        value=None,
        sight=sight,
        heard=Steady(1000.0 + heard),
        data_until=LAST,
        grace=EXPECT,
    )


def state(phase: Phase, ago: float = 0, **more: object) -> RuleState:
    built = RuleState(
        phase=phase,
        labels=SERIES,
        since=NOON - timedelta(seconds=ago),
        waiting_since=Steady(1000.0 - ago),
        value=7.0,
    )
    return replace(built, **more)  # type: ignore[arg-type]


PENDING, FIRING, RECOVERING = Phase.PENDING, Phase.FIRING, Phase.RECOVERING


# fmt: off
@pytest.mark.parametrize(("given_", "look", "waits", "phase", "change"), [
    pytest.param(None, gone(), AT_ONCE, None, None, id="nothing-wrong-nothing-happens"),
    pytest.param(None, seen(), AT_ONCE, FIRING, Change.FIRED, id="without-for-it-fires-at-once"),
    pytest.param(None, seen(), HELD, PENDING, None, id="with-for-it-waits"),
    pytest.param(None, seen(sight=PARTLY), AT_ONCE, FIRING, Change.FIRED,
        id="one-silent-source-does-not-hide-the-trouble-of-another"),
    pytest.param(None, seen(sight=UNHEARD), AT_ONCE, FIRING, Change.FIRED,
        id="a-sample-stored-before-a-crash-is-judged-after-it"),
    pytest.param(None, seen(sight=BLIND), AT_ONCE, None, None,
        id="a-window-that-drains-in-silence-starts-nothing"),
    pytest.param(None, seen(sight=WAITING), AT_ONCE, None, None, id="too-early-to-say"),
    pytest.param(state(PENDING, 299), seen(), HELD, PENDING, None, id="for-is-not-over"),
    pytest.param(state(PENDING, 300), seen(), HELD, FIRING, Change.FIRED, id="for-is-over"),
    pytest.param(state(PENDING, 10), gone(), HELD, None, None, id="pending-clears"),
    pytest.param(state(PENDING, 900), seen(sight=UNHEARD), HELD, PENDING, None,
        id="after-a-restart-pending-waits-for-fresh-samples"),
    pytest.param(state(PENDING, 900), seen(sight=BLIND), HELD, PENDING, None,
        id="pending-does-not-advance-while-blind"),
    pytest.param(state(PENDING, 900, blind_since=Steady(941.0)), gone(BLIND), HELD, PENDING, None,
        id="pending-is-remembered-for-a-grace"),
    pytest.param(state(PENDING, 900, blind_since=Steady(940.0)), gone(BLIND), HELD, None, None,
        id="pending-is-forgotten-after-the-grace"),
    pytest.param(state(FIRING), seen(9.0), AT_ONCE, FIRING, None, id="still-firing-is-no-news"),
    pytest.param(state(FIRING), gone(), AT_ONCE, None, Change.RESOLVED, id="gone-is-over"),
    pytest.param(state(FIRING), gone(BLIND), AT_ONCE, FIRING, Change.NO_DATA,
        id="gone-while-its-source-is-silent-is-held"),
    pytest.param(state(FIRING), gone(UNHEARD), AT_ONCE, FIRING, Change.NO_DATA,
        id="gone-after-a-restart-is-held"),
    pytest.param(state(FIRING), gone(PARTLY), AT_ONCE, FIRING, Change.NO_DATA,
        id="gone-while-one-source-is-silent-is-held"),
    pytest.param(state(FIRING), seen(sight=BLIND), AT_ONCE, FIRING, Change.NO_DATA,
        id="old-samples-that-still-say-so-are-no-data"),
    pytest.param(state(FIRING), seen(sight=UNHEARD), AT_ONCE, FIRING, None,
        id="a-short-restart-says-nothing"),
    pytest.param(state(FIRING, no_data_since=LAST), gone(BLIND), AT_ONCE, FIRING, None,
        id="no-data-is-told-once"),
    pytest.param(state(FIRING, no_data_since=LAST), seen(), AT_ONCE, FIRING, Change.DATA_AGAIN,
        id="data-again-is-told"),
    pytest.param(state(FIRING, no_data_since=LAST), seen(sight=UNHEARD), AT_ONCE, FIRING, None,
        id="after-a-restart-old-samples-are-not-data-again"),
    pytest.param(state(FIRING, no_data_since=LAST), gone(), AT_ONCE, None, Change.RESOLVED,
        id="fresh-evidence-resolves-what-was-held"),
    pytest.param(state(FIRING, true_at=Steady(990.0)), gone(heard=-11), AT_ONCE, FIRING, None,
        id="a-window-may-drain-before-its-source-counts-as-silent"),
    pytest.param(state(FIRING, true_at=Steady(990.0)), gone(heard=-10), AT_ONCE, None,
        Change.RESOLVED, id="gone-after-its-source-spoke-again-is-over"),
    pytest.param(state(PENDING, 20, true_at=Steady(990.0)), gone(heard=-11), HELD, PENDING, None,
        id="pending-does-not-drain-away-either"),
    pytest.param(state(FIRING), gone(REFILLING), AT_ONCE, FIRING, None,
        id="while-windows-refill-it-is-held-without-a-word"),
    pytest.param(state(FIRING), gone(), KEPT, RECOVERING, None, id="kept-firing-first"),
    pytest.param(state(RECOVERING, 599), gone(), KEPT, RECOVERING, None, id="kept-still"),
    pytest.param(state(RECOVERING, 600), gone(), KEPT, None, Change.RESOLVED, id="kept-enough"),
    pytest.param(state(RECOVERING, 900), gone(BLIND), KEPT, RECOVERING, Change.NO_DATA,
        id="blind-does-not-end-recovery"),
    pytest.param(state(RECOVERING, 30), seen(), KEPT, FIRING, None, id="back-before-it-was-over"),
])
def test_step(given_: RuleState | None, look: Look, waits: Waits, phase: Phase | None,
              change: Change | None) -> None:
    after, told = step(given_, look, now(), waits)
    assert (after.phase if after else None, told) == (phase, change)
# fmt: on


def test_what_is_held_says_since_when_it_was_last_heard() -> None:
    held, _ = step(state(FIRING), gone(BLIND), now(), AT_ONCE)
    assert held is not None
    assert held.no_data_since == LAST


def test_the_wait_follows_elapsed_time_and_not_the_wall_clock() -> None:
    jumped = Now(wall=NOON + timedelta(hours=3), steady=Steady(1000.0))
    after, told = step(state(PENDING, 10), seen(), jumped, HELD)
    assert after is not None
    assert (after.phase, told) == (PENDING, None)


SIGHTS = st.sampled_from([CLEAR, PARTLY, REFILLING, UNHEARD, WAITING, BLIND])
LOOKS = st.builds(
    lambda value, sight, heard: Look(
        labels=SERIES, value=value, sight=sight, heard=Steady(heard), grace=EXPECT
    ),
    st.one_of(st.none(), st.floats(0, 10)),
    SIGHTS,
    st.floats(1000, 10_000),
)
WAITS = st.builds(
    lambda hold, keep: Waits(hold=timedelta(seconds=hold), keep_firing_for=timedelta(seconds=keep)),
    st.sampled_from([0, 30, 300]),
    st.sampled_from([0, 60]),
)
STORY = st.lists(st.tuples(LOOKS, st.floats(0, 400)), max_size=30)


@given(STORY, WAITS)
def test_what_fires_never_resolves_without_sight(
    story: list[tuple[Look, float]], waits: Waits
) -> None:
    current: RuleState | None = None
    clock, firing = 0.0, False
    for look, seconds in story:
        clock += seconds
        before = current
        current, told = step(current, look, now(clock), waits)
        if told is Change.RESOLVED:
            assert look.sight.end
            assert look.value is None
            assert before is not None
            assert before.true_at is not None
            assert look.heard is not None
            assert look.heard >= before.true_at
        if told is Change.FIRED:
            assert not firing
            assert look.value is not None
            assert look.sight.begin
            assert waits.hold == timedelta(0) or (before and look.sight.advance)
        firing = told is Change.FIRED or (firing and told is not Change.RESOLVED)
        assert firing == (current is not None and current.phase is not PENDING)


@given(STORY, WAITS)
def test_fires_only_after_it_was_true_for_as_long_as_it_must(
    story: list[tuple[Look, float]], waits: Waits
) -> None:
    current: RuleState | None = None
    clock = 0.0
    for look, seconds in story:
        clock += seconds
        before = current
        current, told = step(current, look, now(clock), waits)
        if told is Change.FIRED and waits.hold:
            assert before is not None
            assert now(clock).steady - before.waiting_since >= waits.hold.total_seconds()
