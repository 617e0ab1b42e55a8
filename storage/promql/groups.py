"""Rows that belong together, and one operation over all groups and steps at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from storage.model.labels import NAME, Labels
from storage.model.roster import Roster, derived
from storage.model.sample import Bools, Floats, Ints

Part = Callable[[Labels], Labels]


def part_of(labels: tuple[str, ...], *, without: bool) -> Part:
    """Return the function that reduces a series to the labels it is grouped or matched by.

    without: all but `labels`, and never the metric's name; otherwise only `labels`.
    """
    if without:
        dropped = frozenset((NAME, *labels))
        return lambda series: Labels([pair for pair in series if pair[0] not in dropped])
    if not labels:
        nothing = Labels()
        return lambda _: nothing
    kept = frozenset(labels)
    return lambda series: Labels([pair for pair in series if pair[0] in kept])


@dataclass(frozen=True, slots=True)
class Groups:
    """A partition of rows.

    keys:   what the rows of a group share; one a group, in order of first appearance.
    member: (rows,) the group of each row.
    order:  the rows sorted by group, stable; group g begins at `starts[g]` of it.
    """

    keys: tuple[Labels, ...]
    member: Ints
    order: Ints
    starts: Ints

    @classmethod
    def among(cls, rows: tuple[Labels, ...], labels: tuple[str, ...], *, without: bool) -> Self:
        """Group rows that agree in `labels`, or, with `without`, in all others but the name."""
        part = part_of(labels, without=without)
        return derived(rows, ("groups", cls, labels, without), lambda: cls.by(rows, part))

    @classmethod
    def by(cls, labels: Iterable[Labels], part: Part) -> Self:
        """Group rows whose `part` is the same."""
        place: dict[Labels, int] = {}
        found = [place.setdefault(part(series), len(place)) for series in labels]
        member = np.array(found, dtype=np.int64)
        order = np.argsort(member, kind="stable")
        starts = np.searchsorted(member[order], np.arange(len(place)))
        return cls(Roster(tuple(place)), member, order, starts)

    def fold(self, operation: np.ufunc, rows: Floats) -> Floats:
        """Reduce the rows of each group: (rows, steps) -> (groups, steps)."""
        return self.fold_sorted(operation, rows[self.order])

    def fold_sorted(self, operation: np.ufunc, rows: Floats) -> Floats:
        """Reduce rows that are in `order` already."""
        if not self.keys:
            return np.zeros((0, rows.shape[1]))
        folded: Floats = operation.reduceat(rows, self.starts, axis=0)
        return folded

    def count(self, present: Bools) -> Ints:
        """Count the rows present in each group at each step."""
        return self.fold(np.add, present.astype(np.float64)).astype(np.int64)

    def rows_of(self, group: int) -> Ints:
        """Return the rows of one group."""
        end = self.starts[group + 1] if group + 1 < len(self.starts) else len(self.order)
        return self.order[self.starts[group] : end]
