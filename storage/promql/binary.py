"""Operators between numbers and vectors, matching (`on`, `group_left`, ...), and sets."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from storage.errors import QueryError
from storage.model.labels import NAME, Labels
from storage.model.sample import Bools, Floats, Ints
from storage.promql.groups import Groups, part_of
from storage.promql.tree import COMPARISONS, Card, Matching
from storage.promql.values import Frame

_ARITHMETIC: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
_COMPARE: Final[Mapping[str, Callable[[Floats, Floats], Bools]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def scalars(op: str, left: Floats, right: Floats) -> Floats:
    """Combine two numbers; a comparison gives 1 or 0."""
    with np.errstate(all="ignore"):
        if op in COMPARISONS:
            return _COMPARE[op](left, right).astype(np.float64)
        return _ARITHMETIC[op](left, right)


def with_number(op: str, frame: Frame, number: Floats, *, swapped: bool, to_bool: bool) -> Frame:
    """Combine each series with a number (steps,); `swapped` says that the number is on the left.

    A comparison keeps the series that satisfy it, with name and value; arithmetic and
    `bool` take the name away.
    """
    left, right = (number, frame.values) if swapped else (frame.values, number)
    if op in COMPARISONS and not to_bool:
        kept = _COMPARE[op](left, right)
        return Frame(frame.labels, frame.values, frame.present & kept)
    values = np.broadcast_to(scalars(op, left, right), frame.values.shape)
    return Frame(frame.labels, values, frame.present).nameless()


def with_vector(
    op: str, left: Frame, right: Frame, matching: Matching, *, to_bool: bool, most: int
) -> Frame:
    """Combine series that match; raises QueryError where it is not clear which match which.

    most: how many values the answer may have.

    Source: Prometheus 3, promql/engine.go, VectorBinop.
    """
    swapped = matching.card is Card.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    part = part_of(matching.labels, without=not matching.on)
    groups = Groups.by(many.labels + one.labels, part)
    of_many, of_one = np.split(groups.member, [len(many.labels)])
    _refuse_many_ones(many, one, of_one, groups, matching)
    pairs_many, pairs_one = _pairs(of_many, of_one, most // max(1, left.values.shape[1]))
    values, present = _combined(op, many, one, (pairs_many, pairs_one), swapped, to_bool)
    name = _naming(op, matching, to_bool=to_bool)
    labels = tuple(
        name(many.labels[m], one.labels[o])
        for m, o in zip(pairs_many.tolist(), pairs_one.tolist(), strict=True)
    )
    found = Frame(labels, values, present)
    if matching.card is Card.ONE_TO_ONE:
        _refuse_many_matches(found, of_many[pairs_many], groups)
        return found.united()
    return found.united(
        "several matches give the same labels; list in brackets after group_left or group_right "
        "what tells them apart"
    )


def _combined(
    op: str, many: Frame, one: Frame, pairs: tuple[Ints, Ints], swapped: bool, to_bool: bool
) -> tuple[Floats, Bools]:
    """Compute the operator for each pair of rows; a failed comparison makes the pair absent."""
    first, second = many.values[pairs[0]], one.values[pairs[1]]
    present = many.present[pairs[0]] & one.present[pairs[1]]
    left, right = (second, first) if swapped else (first, second)
    if op in COMPARISONS and not to_bool:
        return left, present & _COMPARE[op](left, right)
    return scalars(op, left, right), present


def _pairs(of_many: Ints, of_one: Ints, most: int) -> tuple[Ints, Ints]:
    """Return the rows (many, one) of all pairs in the same group."""
    order = np.argsort(of_one, kind="stable")
    ascending = of_one[order]
    begin = np.searchsorted(ascending, of_many, side="left")
    count = np.searchsorted(ascending, of_many, side="right") - begin
    total = int(count.sum())
    if total > most:
        raise QueryError(
            f"the two sides match in {total} pairs; at most {most} are allowed here: "
            "match on more labels, or take fewer steps"
        )
    rows = np.repeat(np.arange(len(of_many)), count)
    within = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
    return rows, order[np.repeat(begin, count) + within]


def _naming(op: str, matching: Matching, *, to_bool: bool) -> Callable[[Labels, Labels], Labels]:
    """Return the function that names the answer of a pair (many, one)."""
    keeps_name = op in COMPARISONS and not to_bool
    one_to_one, include = matching.card is Card.ONE_TO_ONE, matching.include
    listed = matching.labels

    def name(many: Labels, one: Labels) -> Labels:
        labels = many if keeps_name else many.without(NAME)
        if one_to_one:
            labels = labels.keep(*listed) if matching.on else labels.without(*listed)
        if include:
            labels = labels.with_({label: one.get(label) for label in include})
        return labels

    return name


def _refuse_many_ones(
    many: Frame, one: Frame, of_one: Ints, groups: Groups, matching: Matching
) -> None:
    """Raise where two series of the "one" side share a group at a step that has both sides."""
    if len(np.unique(of_one)) == len(of_one):
        return
    count = np.zeros((len(groups.keys), one.present.shape[1]), dtype=np.int64)
    np.add.at(count, of_one, one.present)
    clash = ((count > 1) & many.present.any(axis=0)).any(axis=1)
    if clash.any():
        group = int(np.flatnonzero(clash)[0])
        rows = np.flatnonzero(of_one == group)[:2].tolist()
        side = "left" if matching.card is Card.ONE_TO_MANY else "right"
        raise QueryError(
            f"several series on the {side} side match {_shown(groups.keys[group])}, "
            f"e.g. {one.labels[rows[0]]} and {one.labels[rows[1]]}; "
            "match on more labels, or aggregate that side first"
        )


def _refuse_many_matches(found: Frame, group_of: Ints, groups: Groups) -> None:
    if len(np.unique(group_of)) == len(group_of):
        return
    count = np.zeros((len(groups.keys), found.present.shape[1]), dtype=np.int64)
    np.add.at(count, group_of, found.present)
    clash = (count > 1).any(axis=1)
    if clash.any():
        group = int(np.flatnonzero(clash)[0])
        raise QueryError(
            f"several series on the left side match one on the right by "
            f"{_shown(groups.keys[group])}; write group_left (many on the left) or group_right"
        )


def _shown(labels: Labels) -> str:
    return str(labels) or "{}"


def sets(op: str, left: Frame, right: Frame, matching: Matching) -> Frame:
    """Join two vectors by `and`, `or` or `unless`; values come from the side a series is from."""
    part = part_of(matching.labels, without=not matching.on)
    groups = Groups.by(left.labels + right.labels, part)
    of_left, of_right = np.split(groups.member, [len(left.labels)])
    if op == "or":
        there = _seen(left.present, of_left, len(groups.keys))
        rest = right.present & ~there[of_right]
        labels = left.labels + right.labels
        values = np.concatenate((left.values, right.values))
        return Frame(labels, values, np.concatenate((left.present, rest))).compact().united()
    there = _seen(right.present, of_right, len(groups.keys))
    kept = there[of_left] if op == "and" else ~there[of_left]
    return Frame(left.labels, left.values, left.present & kept)


def _seen(present: Bools, member: Ints, groups: int) -> Bools:
    """Say for each group and step whether any of its rows is present."""
    seen = np.zeros((groups, present.shape[1]), dtype=np.bool_)
    np.logical_or.at(seen, member, present)
    return seen
