"""What a query evaluates to: labels and float arrays, with a mask of what is there."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from storage.errors import QueryError
from storage.model.labels import NAME, Labels
from storage.model.roster import Roster, chosen_of, derived
from storage.model.sample import Bools, Floats, Ints

SAME_LABELS = "two series of the answer would have the same labels"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number without labels: `values` has one entry for each step of the grid."""

    values: Floats


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """Series at one moment, in the order the query gave them (sort, topk).

    labels:  one a series.
    values:  (series,) in the unit of the query; NaN is a value.
    present: (series,) all True: what is absent has no row in an instant answer.
    """

    labels: tuple[Labels, ...]
    values: Floats
    present: Bools

    @classmethod
    def of(cls, labels: tuple[Labels, ...], values: Floats) -> Self:
        """Build a vector in which every series is present."""
        return cls(labels, values, np.ones(len(labels), dtype=np.bool_))

    def at(self, time: float) -> "Matrix":
        """Return this vector as a matrix of one step."""
        return Matrix(self.labels, np.array([time]), self.values[:, None], self.present[:, None])


@dataclass(frozen=True, slots=True)
class Matrix:
    """Series over the steps of a grid; a series that is absent at every step has no row.

    labels:  one a series.
    times:   (steps,) Unix seconds.
    values:  (series, steps); what stands where `present` is False means nothing.
    present: (series, steps); NaN is a value, absence is not.
    """

    labels: tuple[Labels, ...]
    times: Floats
    values: Floats
    present: Bools

    def filled(self) -> Floats:
        """Return the values with NaN for what is absent: for arithmetic that does not care."""
        return np.where(self.present, self.values, np.nan)


@dataclass(frozen=True, slots=True)
class Frame:
    """An instant vector at every step of an evaluation at once: the evaluator's own currency.

    labels: one a row, values and present: (series, steps).
    """

    labels: tuple[Labels, ...]
    values: Floats
    present: Bools

    @classmethod
    def empty(cls, steps: int) -> Self:
        """Return a frame of no series."""
        return cls((), np.empty((0, steps)), np.empty((0, steps), dtype=np.bool_))

    def rows(self, chosen: Ints) -> "Frame":
        """Return some of the rows, by number, in the order asked for."""
        labels = chosen_of(self.labels, chosen)
        return Frame(labels, self.values[chosen], self.present[chosen])

    def compact(self) -> "Frame":
        """Return the rows that are present at one step at least."""
        seen = self.present.any(axis=1)
        return self if np.all(seen) else self.rows(np.flatnonzero(seen))

    def relabelled(self, change: Callable[[Labels], Labels], why: str = SAME_LABELS) -> "Frame":
        """Return the same values under other labels.

        Rows that now share all labels become one; raises QueryError, beginning with `why`,
        where two of them are present at the same step.
        """
        return replace(self, labels=tuple(map(change, self.labels))).united(why)

    def united(self, why: str = SAME_LABELS) -> "Frame":
        """Return one row for each set of labels; raises QueryError where two rows meet."""
        distinct, rows = derived(self.labels, "distinct", lambda: _distinct(self.labels))
        if not len(rows):
            return self
        count = np.zeros((len(distinct), self.values.shape[1]), dtype=np.int64)
        np.add.at(count, rows, self.present)
        if (clash := (count > 1).any(axis=1)).any():
            raise QueryError(f"{why}: {distinct[int(np.flatnonzero(clash)[0])] or '{}'}")
        values = np.zeros(count.shape)
        np.add.at(values, rows, np.where(self.present, self.values, 0.0))
        return Frame(distinct, values, count > 0)

    def nameless(self) -> "Frame":
        """Return the same without metric names, as arithmetic and most functions do."""
        labels = derived(self.labels, "nameless", lambda: _nameless(self.labels))
        return replace(self, labels=labels).united()


def _distinct(labels: tuple[Labels, ...]) -> tuple[tuple[Labels, ...], Ints]:
    """Return each set of labels once, and of each row which one; nothing where all differ."""
    place: dict[Labels, int] = {}
    rows = [place.setdefault(series, len(place)) for series in labels]
    if len(place) == len(labels):
        return (), np.empty(0, dtype=np.int64)
    return Roster(tuple(place)), np.array(rows, dtype=np.int64)


def _nameless(labels: tuple[Labels, ...]) -> tuple[Labels, ...]:
    return Roster(tuple(map(without_name, labels)))


def without_name(labels: Labels) -> Labels:
    """Return the labels less `__name__`; quick, for it runs once a series in most queries."""
    for place, (label, _) in enumerate(labels):
        if label == NAME:
            return Labels(labels[:place] + labels[place + 1 :])
    return labels
