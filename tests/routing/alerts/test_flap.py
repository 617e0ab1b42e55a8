"""What counts as flapping: a table, and what holds whatever the times are."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.alerts.flap import began, calmed, ended, is_new, often, said
from storage.model.flaps import NEVER, STEADY, Flapping, Flaps

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RULE = Flapping(times=3, within=timedelta(minutes=15), calm=timedelta(minutes=10))


def after(*minutes: float, rule: Flapping = RULE, flaps: Flaps = STEADY) -> Flaps:
    """It began so many minutes after noon, each time."""
    for minute in minutes:
        flaps = began(flaps, rule, NOON + timedelta(minutes=minute))
    return flaps


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        pytest.param((), "", id="nothing"),
        pytest.param((0,), "", id="once"),
        pytest.param((0, 5), "", id="twice"),
        pytest.param((0, 5, 15), "flapping, 3 times in 15 min", id="within-to-the-minute"),
        pytest.param((0, 5, 15.1), "", id="too-far-apart"),
        pytest.param((0, 7, 16, 21), "flapping, 3 times in 14 min", id="the-first-is-forgotten"),
        pytest.param(
            (0, 1, 2, 60), "flapping, 4 times in 1 h", id="every-time-counts-from-then-on"
        ),
        pytest.param((0, 0.2, 0.4), "flapping, 3 times in 24 s", id="seconds"),
        pytest.param((30, 31, 2), "", id="a-clock-set-back-makes-nothing-flap"),
    ],
)
def test_what_counts(minutes: tuple[float, ...], words: str) -> None:
    assert said(after(*minutes)) == words


def test_nothing_counts_where_it_is_off() -> None:
    assert after(*range(20), rule=NEVER) == STEADY


def test_calm_ends_it_and_what_begins_at_once_flaps_still() -> None:
    flapping = after(0, 1, 2)
    calm = calmed(flapping, NOON + timedelta(minutes=12))
    assert (said(calm), calm.calm) == ("", NOON + timedelta(minutes=12))
    assert said(after(13, flaps=calm)) == "flapping, 3 times in 12 min"
    assert said(after(40, flaps=calm)) == ""


def test_calm_is_nothing_where_it_did_not_flap() -> None:
    once = after(0)
    assert calmed(once, NOON) == once


def test_an_end_by_hand_forgets_the_count_and_not_the_times() -> None:
    over = ended(after(0, 1, 2, 3))
    assert said(over) == ""
    assert often(after(4, flaps=over)) == "3 times in 2 min"


times = st.lists(st.floats(0.01, 40.0), max_size=40)
rules = st.builds(
    Flapping,
    times=st.integers(2, 6),
    within=st.timedeltas(timedelta(minutes=1), timedelta(minutes=30)),
)


@given(times, rules)
def test_it_flaps_exactly_where_so_many_lie_so_near(gaps: list[float], rule: Flapping) -> None:
    """Compared with the plain sentence, looked up in the whole list of times."""
    at, seen, flaps = NOON, list[datetime](), STEADY
    for gap in gaps:
        at += timedelta(minutes=gap)
        before, flaps = flaps, began(flaps, rule, at)
        seen.append(at)
        near = [one for one in seen if at - one <= rule.within]
        if before.since is None:
            assert is_new(before, flaps) == (len(near) >= rule.times)
        else:
            assert flaps.count == before.count + 1
        assert len(flaps.recent) <= rule.times
