"""When to try again, and when to stop."""

from hypothesis import given
from hypothesis import strategies as st

from routing.delivery.pace import Again, GiveUp, after_failure, gap, poll_gap
from storage.clock import Steady
from storage.model.delivery import Purpose

NOW = Steady(1_000.0)
JITTER = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10_000), JITTER, JITTER)
def test_gaps_grow_to_a_minute_and_never_reach_zero(attempts: int, one: float, two: float) -> None:
    assert 0.5 <= gap(attempts, one) <= 60
    assert gap(attempts + 1, two) >= gap(attempts, one) or gap(attempts, one) > 30


def test_two_workers_differ() -> None:
    assert gap(5, 0.1) != gap(5, 0.9)


def test_gaps() -> None:
    assert [gap(n, 0.0) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


@given(st.integers(1, 9), JITTER, st.floats(0, 3_600))
def test_what_the_provider_asked_for_is_never_undercut(n: int, jitter: float, asked: float) -> None:
    then = after_failure(Purpose.PAGE, n, now=NOW, jitter=jitter, asked=asked)
    assert isinstance(then, Again)
    assert then.not_before >= NOW + asked


def test_last_tries() -> None:
    def tries(purpose: Purpose, attempts: int, *, is_open: bool) -> bool:
        then = after_failure(purpose, attempts, now=NOW, jitter=0.0, is_open=is_open)
        return isinstance(then, Again)

    assert tries(Purpose.PAGE, 9, is_open=True)
    assert not tries(Purpose.PAGE, 10, is_open=True)
    assert not tries(Purpose.NOTICE, 10, is_open=False)
    assert tries(Purpose.ROOM, 100_000, is_open=True)
    assert tries(Purpose.ROOM, 1_900, is_open=False)
    assert not tries(Purpose.ROOM, 1_920, is_open=False)


def test_the_last_try_says_how_many_there_were() -> None:
    gone = after_failure(Purpose.PAGE, 10, now=NOW, jitter=0.0)
    assert gone == GiveUp(reason="given up after 10 tries")


def test_polls() -> None:
    assert [poll_gap(n) for n in range(7)] == [2, 4, 8, 16, 32, 60, 60]
