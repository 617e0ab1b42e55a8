"""What a room is told in one message, and what it is shown."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.delivery.recap import (
    LATE,
    MANY_NEWS,
    MOST_POSTS,
    TOP,
    Newcomer,
    ranges,
    recap,
    recap_message,
)
from storage.clock import Steady
from storage.model.alert import Severity
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.model.incident import Incident, IncidentId, Status
from tests.fakes import NOON
from tests.routing.town import POLICY

NOW = Steady(10_000.0)


def newcomer(
    number: int,
    status: Status = Status.TRIGGERED,
    severity: Severity = Severity.WARNING,
    waited: float = 600.0,
) -> Newcomer:
    incident = Incident(
        id=IncidentId(number),
        group=f"g{number}",
        title=f"Rule{number}",
        severity=severity,
        policy=POLICY,
        opened_at=NOON - timedelta(seconds=waited),
        status=status,
    )
    owed = OutboxMessage(
        id=OutboxId(number),
        key=f"k{number}",
        purpose=Purpose.ROOM,
        severity=severity,
        incident=incident.id,
        person=None,
        round=0,
        step=0,
        channel="slack",
        address="C1",
        body="{}",
        not_before=NOW,
        waiting_since=Steady(NOW - waited),
        created_at=NOON,
    )
    return Newcomer(owed=owed, incident=incident)


def numbers(found: tuple[Newcomer, ...]) -> list[int]:
    return [it.incident.id for it in found]


OVER = Status.RESOLVED


def test_open_ones_are_shown_and_what_is_over_is_told() -> None:
    told = recap([newcomer(1), newcomer(2, OVER), newcomer(3, OVER, waited=5.0)], NOW)
    assert (numbers(told.over), told.open) == ([2], ())
    assert recap([newcomer(1), newcomer(3, OVER, waited=5.0)], NOW).all == (), "not late yet"


def test_of_a_storm_the_twenty_most_urgent_are_shown() -> None:
    storm = [newcomer(n, severity=Severity.CRITICAL if n > 990 else Severity.WARNING)
             for n in range(1, 1001)]  # fmt: skip
    told = recap(storm, NOW)
    assert len(told.open) == 1000 - TOP
    assert numbers(told.open)[:2] == [11, 12], "ten criticals and the first ten warnings are shown"
    assert not recap(storm[:MOST_POSTS], NOW).all


@pytest.mark.parametrize("severity", [Severity.INFORMATIONAL, Severity.PREDICTIVE])
def test_news_that_waits_by_the_dozen_is_told_in_one(severity: Severity) -> None:
    news = [newcomer(n, OVER if n % 4 == 0 else Status.TRIGGERED, severity, waited=1.0)
            for n in range(1, MANY_NEWS + 1)]  # fmt: skip
    others = [newcomer(n, waited=1.0) for n in range(100, 120)]
    told = recap([*news, *others], NOW)
    assert (numbers(told.over), numbers(told.open)) == ([4, 8], [1, 2, 3, 5, 6, 7, 9, 10])
    assert not recap([*news[1:], *others], NOW).all, "a few are shown one by one"


def test_its_words() -> None:
    over = [newcomer(n, OVER, Severity.CRITICAL if n == 7 else Severity.WARNING)
            for n in range(1, 31)]  # fmt: skip
    message = recap_message(recap(over, NOW), "https://tocsin.example.com")
    assert message.severity is Severity.CRITICAL
    assert message.summary.splitlines()[0] == (
        "30 incidents, 1 critical, came and went meanwhile: #7 Rule7, #1 Rule1, #2 Rule2, "
        "#3 Rule3, #4 Rule4, #5 Rule5, #6 Rule6, #8 Rule8, and #9-#30"
    )
    assert message.actions == ()


@pytest.mark.parametrize(
    ("given_", "text"),
    [([], ""), ([4], "#4"), ([3, 4], "#3-#4"), ([9, 3, 4, 7, 5], "#3-#5, #7, #9")],
)
def test_ranges(given_: list[int], text: str) -> None:
    assert ranges(given_) == text


crowds = st.lists(
    st.tuples(st.sampled_from(list(Status)), st.sampled_from(list(Severity)), st.floats(0, 300)),
    max_size=160,
)


@given(crowds)
def test_nothing_is_lost_and_no_room_is_flooded(
    crowd: list[tuple[Status, Severity, float]],
) -> None:
    waiting = [
        replace(newcomer(n, status, severity, waited)) for n, (status, severity, waited) in
        enumerate(crowd, 1)
    ]  # fmt: skip
    told = recap(waiting, NOW)
    shown = [it for it in waiting if it not in told.all]
    assert len(shown) <= MOST_POSTS
    assert len(told.all) == len({it.incident.id for it in told.all})
    assert all(not it.incident.status.is_open for it in told.over)
    for it in told.open:
        assert all(other.incident.severity.rank <= it.incident.severity.rank
                   for other in shown if other.incident.status.is_open)  # fmt: skip
    for it in shown:
        late = NOW - (it.owed.waiting_since or NOW) >= LATE
        assert it.incident.status.is_open or not late
