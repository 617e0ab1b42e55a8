"""The first few ring one by one; the first critical never waits; nothing waits without end."""

from hypothesis import example, given
from hypothesis import strategies as st

from routing.delivery.throttle import Pace, Throttle
from storage.clock import Steady

PACE, ADA = Pace(single=3, within=60.0), ("sms", "+1")


def ring(throttle: Throttle, *times: float, critical: bool = False) -> None:
    for at in times:
        throttle.rang(ADA, Steady(at), critical=critical)


def test_three_a_minute_and_the_next_when_the_first_is_a_minute_old() -> None:
    throttle = Throttle()
    assert throttle.slots(ADA, PACE, Steady(0), critical=False) == 3
    ring(throttle, 0, 5, 10)
    assert throttle.slots(ADA, PACE, Steady(20), critical=False) == 0
    assert throttle.free_at(ADA, PACE, Steady(20), critical=False) == 60
    assert throttle.slots(ADA, PACE, Steady(60), critical=False) == 1
    assert throttle.slots(("sms", "+2"), PACE, Steady(20), critical=False) == 3


def test_the_first_critical_does_not_wait_and_the_next_ones_not_long() -> None:
    throttle = Throttle()
    ring(throttle, 0, 1, 2)
    assert throttle.slots(ADA, PACE, Steady(3), critical=True) == 1
    ring(throttle, 3, critical=True)
    assert throttle.slots(ADA, PACE, Steady(4), critical=True) == 0
    assert throttle.free_at(ADA, PACE, Steady(4), critical=True) == 23
    assert throttle.slots(ADA, PACE, Steady(23), critical=True) == 1


@given(
    st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60),
    st.integers(1, 5),
    st.floats(1, 600),
)
@example([(1.4967222559176125, False), (10.0, False), (5.0, False)], 1, 5.0)  # it rounds
def test_at_any_pace(arrivals: list[tuple[float, bool]], single: int, within: float) -> None:
    throttle, pace, now = Throttle(), Pace(single=single, within=within), 0.0
    rang: list[tuple[float, bool]] = []
    for gap, critical in arrivals:
        now += gap
        at = Steady(now)
        free = throttle.free_at(ADA, pace, at, critical=critical)
        slots = throttle.slots(ADA, pace, at, critical=critical)
        assert (slots > 0) == (free <= now)
        assert free <= now + (pace.urgent_gap if critical else within)
        if slots:
            throttle.rang(ADA, at, critical=critical)
            rang.append((now, critical))
        elif critical:
            assert any(urgent for before, urgent in rang if before > now - pace.urgent_gap)
    for end, _ in rang:
        usual = [at for at, critical in rang if end < at + within and at <= end and not critical]
        assert len(usual) <= single
