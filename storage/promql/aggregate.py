"""`sum by (job) (...)` and the other aggregations: one operation over all groups and steps."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.model.sample import Floats, Ints
from storage.promql.groups import Groups, part_of
from storage.promql.numbers import plain
from storage.promql.over_time import HUGE, at_rank
from storage.promql.sums import add_up
from storage.promql.values import Frame


def aggregate(op: str, frame: Frame, labels: tuple[str, ...], *, without: bool) -> Frame:
    """Aggregate by `op`, one that takes no parameter."""
    groups = Groups.among(frame.labels, labels, without=without)
    with np.errstate(all="ignore"):
        values = _REDUCE[op](groups, frame)
    return Frame(groups.keys, values, groups.count(frame.present) > 0)


def _sum(groups: Groups, frame: Frame) -> Floats:
    return _total(groups, frame)[0]


def _total(groups: Groups, frame: Frame) -> tuple[Floats, Floats]:
    """Add up: (sums, what rounding took from them)."""
    values = np.where(frame.present, frame.values, 0.0)[groups.order]
    sizes = np.bincount(groups.member)
    return add_up(
        values,
        np.fmax.reduceat(np.abs(values), groups.starts, axis=0) if len(values) else values,
        int(sizes.max(initial=0)),
        spread=lambda of_group: np.repeat(of_group, sizes, axis=0),
        fold=lambda what: groups.fold_sorted(np.add, what),
    )


def _average(groups: Groups, frame: Frame) -> Floats:
    count = groups.count(frame.present)
    sums, taken = _total(groups, frame)
    means = sums / count + taken / count
    lost = ~np.isfinite(means) & (count > 0)
    if lost.any():
        small = np.where(frame.present, np.ldexp(frame.values, -HUGE), 0.0)
        means = np.where(lost, np.ldexp(groups.fold(np.add, small) / count, HUGE), means)
    return means


def _least(groups: Groups, frame: Frame) -> Floats:
    return groups.fold(np.fmin, np.where(frame.present, frame.values, np.nan))


def _greatest(groups: Groups, frame: Frame) -> Floats:
    return groups.fold(np.fmax, np.where(frame.present, frame.values, np.nan))


def _count(groups: Groups, frame: Frame) -> Floats:
    return groups.count(frame.present).astype(np.float64)


def _one(groups: Groups, frame: Frame) -> Floats:
    return np.ones((len(groups.keys), frame.values.shape[1]))


def _variance(groups: Groups, frame: Frame) -> Floats:
    """Measure from the smallest value, so that equal values have no variance at all."""
    count, least = groups.count(frame.present), _least(groups, frame)
    beyond = np.where(frame.present, frame.values - least[groups.member], 0.0)
    mean = groups.fold(np.add, beyond) / count
    away = np.where(frame.present, beyond - mean[groups.member], 0.0)
    return np.asarray(groups.fold(np.add, away * away) / count)


def _deviation(groups: Groups, frame: Frame) -> Floats:
    return np.sqrt(_variance(groups, frame))


_REDUCE: Final[Mapping[str, Callable[[Groups, Frame], Floats]]] = {
    "avg": _average,
    "count": _count,
    "group": _one,
    "max": _greatest,
    "min": _least,
    "stddev": _deviation,
    "stdvar": _variance,
    "sum": _sum,
}


def quantile(frame: Frame, wanted: Floats, labels: tuple[str, ...], *, without: bool) -> Frame:
    """Return the `wanted` (steps,) quantile of each group, between values by a straight line."""
    groups = Groups.among(frame.labels, labels, without=without)
    count = groups.count(frame.present)
    values = np.empty(count.shape)
    nan = np.isnan(frame.values)
    key = np.where(nan, -np.inf, frame.values)
    member = np.where(frame.present, groups.member[:, None], len(groups.keys))
    order = np.lexsort((key, ~nan, member), axis=0)
    ascending = np.take_along_axis(frame.values, order, axis=0)
    starts = np.cumsum(count, axis=0) - count
    with np.errstate(all="ignore"):
        for step in range(count.shape[1]):
            some = count[:, step] > 0
            quantiles = np.broadcast_to(wanted[step], some.sum())
            values[some, step] = at_rank(
                ascending[:, step], starts[some, step], count[some, step], quantiles
            )
    return Frame(groups.keys, values, count > 0)


def extreme(
    frame: Frame, wanted: Floats, labels: tuple[str, ...], *, without: bool, top: bool
) -> Frame:
    """Keep the `wanted` (steps,) greatest (or smallest) series of each group; NaN comes last.

    Among equals the earlier series stays. An answer of one step is sorted, group by group.
    """
    if np.isnan(wanted).any():
        raise QueryError(f"{'topk' if top else 'bottomk'}() was asked for NaN series")
    groups = Groups.among(frame.labels, labels, without=without)
    member = np.where(frame.present, groups.member[:, None], len(groups.keys))
    order = _ranked(frame.values, member, top=top)
    count = groups.count(frame.present)
    starts = np.vstack((np.cumsum(count, axis=0) - count, count.sum(axis=0)))
    place = np.arange(len(frame.labels))[:, None]
    first = np.take_along_axis(starts, np.take_along_axis(member, order, axis=0), axis=0)
    kept = np.empty(frame.present.shape, dtype=np.bool_)
    np.put_along_axis(kept, order, place - first < np.trunc(wanted), axis=0)
    chosen = Frame(frame.labels, frame.values, frame.present & kept)
    return chosen.rows(order[:, 0]).compact() if len(wanted) == 1 else chosen.compact()


def _ranked(values: Floats, member: Ints, *, top: bool) -> Ints:
    nan = np.isnan(values)
    key = np.where(nan, 0.0, -values if top else values)
    order: Ints = np.lexsort((key, nan, member), axis=0)
    return order


def ordered(frame: Frame, *, descending: bool) -> Frame:
    """Sort an answer of one step by value, NaN last; an answer of many steps stays as it is."""
    if frame.values.shape[1] != 1 or not frame.labels:
        return frame
    nobody = np.zeros(frame.values.shape, dtype=np.int64)
    return frame.rows(_ranked(frame.values, nobody, top=descending)[:, 0])


def count_values(
    frame: Frame, name: str, labels: tuple[str, ...], *, without: bool, most: int
) -> Frame:
    """Count, in each group, how many series have each value; the value becomes label `name`.

    Raises QueryError where the answer would have more than `most` values.
    """
    part, count_of_steps = part_of(labels, without=without), frame.values.shape[1]
    bases = [part(series) for series in frame.labels]
    place: dict[Labels, int] = {}
    rows: list[int] = []
    steps: list[int] = []
    for row, step in np.argwhere(frame.present).tolist():
        key = bases[row].with_({name: plain(float(frame.values[row, step]))})
        rows.append(place.setdefault(key, len(place)))
        steps.append(step)
        if len(place) * count_of_steps > most:
            raise QueryError(
                f"count_values() found {len(place)} different values or more; "
                "round them first, or take fewer steps"
            )
    counted = np.zeros((len(place), count_of_steps))
    np.add.at(counted, (np.array(rows, dtype=np.int64), np.array(steps, dtype=np.int64)), 1.0)
    return Frame(tuple(place), counted, counted > 0)
