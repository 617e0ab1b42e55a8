"""Samples that arrive and are old already: a clock is wrong, or a sender catches up."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.routing.flow.court import Court

MINUTE = timedelta(minutes=1)
RULES = """{alert: Hot, expr: cpu > 0.9}
{alert: Many, expr: 'count(rate(errors[2m]) > 1) > 0'}"""
HOT, MANY = ("Hot", "a", "firing"), ("Many", "", "firing")


class Late(Court):
    """A court whose sender's clock goes on as it was, whatever ours does."""

    def __init__(self, text: str) -> None:
        super().__init__(text, prom=MINUTE)
        self.ahead, self.errors = 0.0, 0.0

    async def scrape(self, cpu: float, errors: float) -> None:
        """Send what was measured now, by the sender's clock; then 10 seconds pass."""
        self.errors += 10 * errors
        at = self.now - self.ahead
        samples = [
            self.sample("cpu", cpu, at, instance="a"),
            self.sample("errors", self.errors, at, instance="a"),
        ]
        await self.take(*samples, complete=True)
        await self.turn(10)

    def jump(self, seconds: float) -> None:
        self.clock.jump(seconds)
        self.ahead += seconds


@pytest.fixture
async def court() -> AsyncIterator[Late]:
    late = Late(RULES)
    for _ in range(20):
        await late.scrape(0.95, 5)
    assert sorted(late.told) == [HOT, MANY]
    late.door.told.clear()
    yield late
    late.close()


async def test_our_clock_jumps_ahead_and_nothing_is_over(court: Late) -> None:
    court.jump(1200)
    for _ in range(60):
        await court.scrape(0.95, 5)
    assert court.told == []
    court.jump(-1200)  # it is set right again
    for _ in range(20):
        await court.scrape(0.1, 0)
    assert sorted(court.told) == [("Hot", "a", "resolved"), ("Many", "", "resolved")]


async def test_what_is_late_and_well_is_over_where_the_value_is_seen(court: Late) -> None:
    court.jump(100)
    for _ in range(12):
        await court.scrape(0.1, 5)
    assert court.told == [("Hot", "a", "resolved")]


async def test_what_stays_late_is_believed_in_the_end(court: Late) -> None:
    court.jump(1200)
    for _ in range(175):
        await court.scrape(0.95, 5)
    assert court.told == []
    for _ in range(10):
        await court.scrape(0.95, 5)
    assert sorted(court.told) == [("Hot", "a", "resolved"), ("Many", "", "resolved")]


async def test_a_sender_that_catches_up_ends_nothing_on_the_way(court: Late) -> None:
    court.clock.advance(900)  # it was cut off, and kept what it measured
    court.ahead = 900.0
    while court.ahead > 0:
        await court.scrape(0.95, 5)
        court.ahead -= 100
        court.errors += 500
    court.ahead = 0.0
    for _ in range(10):
        await court.scrape(0.95, 5)
    assert "resolved" not in {what for _, _, what in court.told}
