"""Rosters: what is derived from labels stays as long as they do, and is always theirs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.model.labels import Labels
from storage.model.roster import FEW, MOST_DERIVED, Roster, chosen_of, derived

FLEET = Roster(tuple(Labels.of(__name__="up", instance=str(n)) for n in range(3 * FEW)))


@given(st.lists(st.sets(st.integers(0, len(FLEET) - 1)).map(sorted), max_size=5))
def test_chooses_the_rows_that_are_asked_for_whatever_was_asked_before(
    asked: list[list[int]],
) -> None:
    for rows in asked:
        expected = tuple(FLEET[row] for row in rows)
        assert chosen_of(FLEET, np.array(rows, dtype=np.int64)) == expected
        assert chosen_of(tuple(FLEET), np.array(rows, dtype=np.int64)) == expected


def test_the_same_rows_are_the_same_roster() -> None:
    rows = np.arange(1, len(FLEET))
    assert chosen_of(FLEET, rows) is chosen_of(FLEET, rows.copy())
    assert chosen_of(FLEET, np.arange(len(FLEET))) is FLEET


def test_derives_once_from_a_roster_and_each_time_from_other_labels() -> None:
    roster, calls = Roster(FLEET), list[int]()

    def count() -> int:
        calls.append(1)
        return len(calls)

    assert [derived(roster, "count", count) for _ in range(3)] == [1, 1, 1]
    assert [derived(tuple(FLEET), "count", count) for _ in range(2)] == [2, 3]


def test_remembers_a_bounded_number_of_things() -> None:
    roster = Roster(FLEET)
    for number in range(3 * MOST_DERIVED):
        assert derived(roster, number, lambda: number) == number  # noqa: B023
    assert len(roster.derived) <= MOST_DERIVED
