"""When a scrape is whole: vouched for, proven by its own report, or quiet for long enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.rules.scrapes import COUNT, LONGEST, REPORTS, SETTLE, Arrival, Scrapes, Target

TARGET = Target("prom", "web", "i1")
RULE = "Sum/1/2"


def sample(at: float, series: int, name: str = "load", *, stale: bool = False) -> Arrival:
    live, ended = ((), (series,)) if stale else ((series,), ())
    return Arrival(TARGET, at, name, 1.0, live, ended, (RULE,))


def report(at: float, count: int) -> list[Arrival]:
    return [
        Arrival(TARGET, at, name, float(count if name == COUNT else 1), (100 + place,), (), ())
        for place, name in enumerate(sorted(REPORTS))
    ]


def whole(at: float, series: set[int], before: set[int]) -> list[Arrival]:
    live = [sample(at, number) for number in sorted(series)]
    gone = [sample(at, number, stale=True) for number in sorted(before - series)]
    return live + gone + report(at, len(series))


def test_a_sender_may_vouch_for_a_scrape() -> None:
    scrapes = Scrapes()
    assert scrapes.take([sample(10, 1)], 0.0, complete=False) == set()
    assert scrapes.horizon(RULE) == 10
    assert scrapes.take([sample(10, 2)], 1.0, complete=True) == {RULE}
    assert scrapes.horizon(RULE) is None


def test_a_scrape_proves_itself_by_its_report() -> None:
    scrapes = Scrapes()
    *most, last = whole(10, {1, 2}, set())
    assert scrapes.take(most, 0.0, complete=False) == set()
    assert scrapes.take([last], 0.0, complete=False) == {RULE}


def test_a_series_that_ended_must_be_marked_before_a_scrape_is_whole() -> None:
    scrapes = Scrapes()
    scrapes.take(whole(10, {1, 2}, set()), 0.0, complete=False)
    second = whole(20, {1}, {1, 2})
    marker = next(arrival for arrival in second if arrival.ended)
    second.remove(marker)
    assert scrapes.take(second, 10.0, complete=False) == set()
    assert scrapes.take([marker], 11.0, complete=False) == {RULE}


def test_of_two_scrapes_in_one_request_the_newer_must_tell_what_the_older_had() -> None:
    scrapes = Scrapes()
    second = whole(20, {1}, {1, 2})
    marker = next(arrival for arrival in second if arrival.ended)
    second.remove(marker)
    both = [*second, *whole(10, {1, 2}, set())]
    assert scrapes.take(both, 0.0, complete=False) == {RULE}
    assert scrapes.horizon(RULE) == 20
    assert scrapes.take([marker], 1.0, complete=False) == {RULE}


def test_what_is_unproven_settles_and_what_never_settles_is_given_up() -> None:
    scrapes = Scrapes()
    scrapes.take([sample(10, 1)], 0.0, complete=False)
    assert scrapes.settle(SETTLE - 0.1) == set()
    assert scrapes.settle(SETTLE) == {RULE}
    for second in range(int(LONGEST)):
        scrapes.take([sample(20, second)], 100.0 + second, complete=False)
        assert scrapes.settle(100.0 + second) == set()
    assert scrapes.settle(100.0 + LONGEST) == {RULE}


def test_a_straggler_concerns_its_rules_at_once() -> None:
    scrapes = Scrapes()
    scrapes.take([sample(10, 1)], 0.0, complete=True)
    assert scrapes.take([sample(10, 2)], 1.0, complete=False) == {RULE}
    assert scrapes.horizon(RULE) is None


@pytest.mark.parametrize("cut", [0, 1])
def test_a_scrape_is_not_proven_before_it_is_known_what_it_has_to_name(cut: int) -> None:
    """The second scrape lost all four series and has named two of them: more markers may come."""
    first, second = whole(10.0, {1, 2, 3, 4}, set()), whole(20.0, set(), {1, 2, 3, 4})
    markers = [arrival for arrival in second if arrival.ended]
    early = [arrival for arrival in second if arrival not in markers[2:]]
    scrapes = Scrapes()
    scrapes.take([*first[: len(first) - cut], *early], 0.0, complete=False)
    scrapes.take([*first[len(first) - cut :]], 0.0, complete=False)
    assert scrapes.horizon(RULE) == 20.0
    assert scrapes.take(markers[2:], 0.0, complete=False) == {RULE}


SERIES = st.sets(st.integers(1, 4))


@given(st.lists(SERIES, min_size=1, max_size=3), st.data())
def test_however_scrapes_are_split_and_mixed_each_is_whole_with_its_last_sample(
    story: list[set[int]], data: st.DataObject
) -> None:
    arrivals: list[Arrival] = []
    before: set[int] = set()
    for place, series in enumerate(story):
        arrivals += whole(10.0 * (place + 1), series, before)
        before = series
    mixed = data.draw(st.permutations(arrivals))
    scrapes = Scrapes()
    left = list(mixed)
    while left:
        size = data.draw(st.integers(1, len(left)))
        request, left = left[:size], left[size:]
        scrapes.take(request, 0.0, complete=False)
        open_ones = {arrival.time for arrival in left if arrival.rules}
        begun = {arrival.time for arrival in mixed[: len(mixed) - len(left)] if arrival.rules}
        assert scrapes.horizon(RULE) is None or scrapes.horizon(RULE) in begun
        for time in open_ones & begun:
            assert (scrapes.horizon(RULE) or 0.0) <= time
    assert scrapes.horizon(RULE) is None
