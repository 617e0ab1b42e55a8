"""The labels of many series, which come again and again, and what was worked out from them.

A rule over 100,000 series asks for the same series each time it is judged. Taking the name off
their labels, or finding out which of them belong together, costs a step of Python for each; done
once for all, a query costs only arithmetic. So whoever selects the same series hands out the same
`Roster`, and what is derived from it is kept with it, for as long as somebody holds it.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np

from storage.model.labels import Labels
from storage.model.sample import Ints

T = TypeVar("T")

FEW = 32
"""Series so few that deriving again is as quick as looking it up."""
MOST_DERIVED = 24
"""Different things that are remembered of one roster; then it begins anew."""


class Roster(tuple[Labels, ...]):
    """Labels of series, one a row, to be compared and used like any tuple.

    derived: what was worked out from exactly these labels, by what it is.
    """

    derived: dict[Hashable, object]

    def __new__(cls, labels: tuple[Labels, ...]) -> "Roster":
        """Hold these labels; nothing is derived yet."""
        found = super().__new__(cls, labels)
        found.derived = {}
        return found


def derived(labels: tuple[Labels, ...], what: Hashable, make: Callable[[], T]) -> T:
    """Return what `make` works out from `labels`, remembered where they are a roster."""
    if not isinstance(labels, Roster):
        return make()
    known: T | None = labels.derived.get(what)  # type: ignore[assignment]
    if known is None:
        known = make()
        if len(labels.derived) >= MOST_DERIVED:
            labels.derived = {}
        labels.derived[what] = known
    return known


def chosen_of(labels: tuple[Labels, ...], rows: Ints) -> tuple[Labels, ...]:
    """Return the labels of some rows; of a roster another roster, the same for the same rows.

    Series that just ended, or were not seen yet, are left out of many an answer; so the last
    choice is remembered.
    """
    if not isinstance(labels, Roster) or len(rows) < FEW:
        return tuple([labels[row] for row in rows.tolist()])
    if len(rows) == len(labels) and np.array_equal(rows, np.arange(len(rows))):
        return labels
    last, chosen = derived(labels, "chosen", lambda: (rows, _choose(labels, rows)))
    if last is not rows and not np.array_equal(last, rows):
        chosen = _choose(labels, rows)
        labels.derived["chosen"] = rows, chosen
    return chosen


def _choose(labels: Roster, rows: Ints) -> Roster:
    return Roster(tuple([labels[row] for row in rows.tolist()]))
