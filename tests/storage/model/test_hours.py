"""Hours of the day by somebody's clocks: over midnight, and on the days on which clocks change."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model.hours import Hours

NIGHT = Hours(start=time(22), end=time(7), zone="Europe/Berlin")
DAY = Hours(start=time(9), end=time(17), zone="America/New_York")
EARLY = Hours(start=time(1), end=time(2, 30), zone="Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# fmt: off
TABLE = [
    pytest.param(NIGHT, "2026-01-10 20:59", None, id="a-minute-before"),
    pytest.param(NIGHT, "2026-01-10 21:00", "2026-01-11 06:00", id="from-ten-in-winter"),
    pytest.param(NIGHT, "2026-07-10 20:00", "2026-07-11 05:00", id="from-ten-in-summer"),
    pytest.param(NIGHT, "2026-01-11 05:59", "2026-01-11 06:00", id="the-last-minute"),
    pytest.param(NIGHT, "2026-01-11 06:00", None, id="seven-is-over"),
    pytest.param(NIGHT, "2026-03-28 22:00", "2026-03-29 05:00", id="an-hour-less-in-march"),
    pytest.param(NIGHT, "2026-10-24 22:00", "2026-10-25 06:00", id="an-hour-more-in-october"),
    pytest.param(DAY, "2026-03-07 14:00", "2026-03-07 22:00", id="a-day-in-new-york"),
    pytest.param(DAY, "2026-03-08 13:00", "2026-03-08 21:00", id="the-clocks-changed-before"),
    pytest.param(EARLY, "2026-03-29 00:30", "2026-03-29 01:00", id="the-end-was-skipped"),
    pytest.param(EARLY, "2026-10-25 00:10", "2026-10-25 00:30", id="the-first-of-two-ends"),
    pytest.param(EARLY, "2026-10-25 01:10", "2026-10-25 01:30", id="the-second-of-two-ends"),
]
# fmt: on


@pytest.mark.parametrize(("hours", "at", "until"), TABLE)
def test_hours(hours: Hours, at: str, until: str | None) -> None:
    moment = utc(at)
    assert hours.cover(moment) is (until is not None)
    assert hours.end_after(moment) == (utc(until) if until else moment)


minutes = st.integers(0, 24 * 60 - 1)
moments = st.integers(0, 2 * 365 * 86_400).map(lambda s: utc("2025-01-01") + timedelta(seconds=s))


@given(
    minutes,
    minutes,
    st.sampled_from(ZONES),
    moments,
)
def test_they_end_where_the_wall_says_and_not_before(
    start: int, end: int, zone: str, at: datetime
) -> None:
    hours = Hours(start=time(*divmod(start, 60)), end=time(*divmod(end, 60)), zone=zone)
    until = hours.end_after(at)
    assert not hours.cover(until) or start == end
    assert at <= until <= at + timedelta(hours=25)
    step = at
    while step < until:
        assert hours.cover(step)
        step += timedelta(minutes=15)
