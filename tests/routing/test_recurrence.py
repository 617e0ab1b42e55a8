"""Cron's words as times, also where the clock is set."""

from datetime import UTC, datetime
from itertools import islice

import pytest

from routing.recurrence import Recurrence, parse_cron


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("cron", "zone", "start", "times"), [
    pytest.param("0 9 * * mon-fri", "Europe/Berlin", "2026-11-27 09:00",
        ["2026-11-30 08:00", "2026-12-01 08:00"], id="over-a-weekend"),
    pytest.param("0 9 * * 1", "UTC", "2026-11-27 09:00",
        ["2026-11-30 09:00"], id="one-is-monday"),
    pytest.param("*/20 * * * *", "UTC", "2026-11-27 09:20",
        ["2026-11-27 09:40", "2026-11-27 10:00"], id="later-than-the-start"),
    pytest.param("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00",
        ["2026-03-29 01:00", "2026-03-30 00:30"], id="the-hour-left-out"),
    pytest.param("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00",
        ["2026-10-25 00:30", "2026-10-26 01:30"], id="the-doubled-hour"),
    pytest.param("30 * * * *", "Europe/Berlin", "2026-10-25 00:00",
        ["2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30"], id="each-hour-is-an-hour"),
])  # fmt: skip
def test_times(cron: str, zone: str, start: str, times: list[str]) -> None:
    found = Recurrence(cron=cron, timezone=zone).after(at(start))
    assert list(islice(found, len(times))) == [at(time) for time in times]


def test_the_last_one_that_was_due() -> None:
    hourly = Recurrence(cron="0 * * * *")
    assert hourly.last_between(at("2026-03-02 09:00"), at("2026-03-02 12:00")) == at(
        "2026-03-02 12:00"
    )
    assert hourly.last_between(at("2026-03-02 09:00"), at("2026-03-02 09:59")) is None


@pytest.mark.parametrize("text", ["0 9 * *", "0 25 * * *", "daily", "0 0 30 2 *", "* * * * * *"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected cron's five fields"):
        parse_cron(text)


def test_words_may_stand_apart() -> None:
    assert parse_cron(" 0  9 * * mon-fri ") == "0 9 * * mon-fri"
