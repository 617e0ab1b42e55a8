"""Walks the tree over loaded samples: every node at every step of the grid at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from storage.errors import QueryError
from storage.model.labels import Labels
from storage.model.sample import Bools, Floats, Selection
from storage.promql import aggregate, binary
from storage.promql.histogram import histogram_fraction, histogram_quantile
from storage.promql.instant import OF_TIME, OF_VALUE, can_clamp, clamped, rounded
from storage.promql.over_time import (
    OF_WINDOW,
    OF_WINDOW_AND_NUMBER,
    is_there,
    newest,
    time_of_newest,
)
from storage.promql.plan import LOOKBACK_MS, MOST_STEPS, Grid, Load, Steps, load_of
from storage.promql.relabel import label_join, label_replace, labels_of_absent
from storage.promql.tree import (
    SETS,
    Aggregation,
    Binary,
    Call,
    Expr,
    Kind,
    Matching,
    Negate,
    Number,
    Selector,
    String,
    Subquery,
    Window,
    kind,
)
from storage.promql.values import Frame, Matrix, Scalar, Text, Vector
from storage.promql.windows import Flat, Judged, Ranged, Windows

__all__ = ["Grid", "Limits", "evaluate"]

Value = Scalar | Text | Vector | Matrix | Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one query may use.

    samples: loaded from the store, all selectors together.
    steps:   moments of a range query.
    cells:   series times steps of any intermediate result; some 100 bytes each while it is made.
    scanned: samples in all windows of one range function together; a window that overlaps the
             one before counts its samples again.
    """

    samples: int = 20_000_000
    steps: int = MOST_STEPS
    cells: int = 10_000_000
    scanned: int = 500_000_000


def evaluate(
    expr: Expr, grid: Grid, loaded: Mapping[Load, Selection], limits: Limits | None = None
) -> Value:
    """Answer `expr` over `grid`; `loaded` holds what `plan` asked for.

    Scalar:    for a number; one value a step.
    Text:      for a string literal.
    Vector:    for an instant vector on an instant grid, absent series left out.
    Matrix:    for an instant vector on a range grid.
    Selection: for a range vector (instant grids only): the samples, no staleness markers.
    Raises QueryError where the query is at fault (matching, limits).
    """
    limits = limits or Limits()
    steps = Steps.of(grid, limits.steps)
    evaluation = _Evaluation(steps, loaded, limits)
    match kind(expr):
        case Kind.SCALAR:
            return Scalar(evaluation.number(expr))
        case Kind.TEXT:
            return Text(_text(expr))
        case Kind.RANGE:
            if not grid.is_instant:
                raise QueryError("a range query needs an instant vector or a number, not a range")
            return _selection(evaluation.ranged(expr).windows())
    frame = evaluation.vector(expr).compact()
    if grid.is_instant:
        return Vector.of(frame.labels, frame.values[:, 0])
    return Matrix(frame.labels, steps.times / 1000.0, frame.values, frame.present)


def _text(expr: Expr) -> str:
    if not isinstance(expr, String):
        raise QueryError("a text in quotes was expected")
    return expr.value


def _selection(windows: Windows) -> Selection:
    """Pack the windows of an instant query to the left, empty ones left out."""
    rows = np.flatnonzero(windows.count[:, 0])
    count = windows.count[rows, 0]
    place = np.arange(count.max(initial=0))
    where = np.minimum(windows.first[rows, 0][:, None] + place, len(windows.flat.times) - 1)
    return Selection(
        labels=tuple(windows.labels[row] for row in rows.tolist()),
        times=windows.flat.times[where] / 1000.0,
        values=windows.flat.values[where],
        count=count,
    )


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """One walk: the moments, the samples and the limits it is bound to."""

    steps: Steps
    loaded: Mapping[Load, Selection]
    limits: Limits

    @property
    def size(self) -> int:
        return len(self.steps.times)

    def vector(self, expr: Expr) -> Frame:
        """Evaluate what is an instant vector."""
        match expr:
            case Selector():
                return self._judged(self._lookback(expr), newest)
            case Call():
                return self._call(expr)
            case Aggregation():
                return self._aggregation(expr)
            case Binary(op, left, right, matching, to_bool):
                return self._binary(op, left, right, matching, to_bool)
            case Negate(inner):
                frame = self.vector(inner)
                return replace(frame, values=-frame.values).nameless()
        raise QueryError(f"an instant vector was expected, got a {kind(expr)}")

    def number(self, expr: Expr) -> Floats:
        """Evaluate what is a scalar: (steps,)."""
        match expr:
            case Number(value):
                return np.full(self.size, value)
            case Negate(inner):
                return -self.number(inner)
            case Binary(op, left, right):
                return binary.scalars(op, self.number(left), self.number(right))
            case Call("time"):
                return self.steps.times / 1000.0
            case Call("pi"):
                return np.full(self.size, np.pi)
            case Call("scalar", (inner,)):
                frame = self.vector(inner)
                alone = frame.present.sum(axis=0) == 1
                values = np.where(frame.present, frame.values, 0.0).sum(axis=0)
                return np.where(alone, values, np.nan)
        raise QueryError(f"a number was expected, got a {kind(expr)}")

    def ranged(self, expr: Expr) -> Ranged:
        """Evaluate what is a range vector."""
        match expr:
            case Window(selector, range_ms):
                selection = self.loaded[load_of(selector, self.steps, range_ms)]
                flat, reached = Flat.of(selection, stale=False), self.steps.reached(selector)
            case Subquery(inner, range_ms):
                inside = replace(self, steps=self.steps.within(expr))
                frame = inside.vector(inner) if inside.size else Frame.empty(0)
                flat = Flat.of_frame(frame, inside.steps.times)
                reached = self.steps.reached(expr)
            case _:
                raise QueryError(f"a range vector was expected, got a {kind(expr)}")
        return Ranged(flat, reached, self.steps.times, range_ms)

    def vector_of(self, expr: Expr) -> Frame:
        """Evaluate a vector, or a number as a vector of one series without labels."""
        if kind(expr) is not Kind.SCALAR:
            return self.vector(expr)
        values = self.number(expr)[None, :]
        return Frame((Labels(),), values, np.ones(values.shape, dtype=np.bool_))

    def _judged(self, ranged: Ranged, function: Callable[[Windows], Judged]) -> Frame:
        """Apply a function to every window; series that are never present are left out."""
        labels = ranged.flat.labels
        if len(labels) * self.size > self.limits.cells:
            raise QueryError(
                f"{len(labels)} series at {self.size} steps are more than {self.limits.cells} "
                "values; take a longer step, a shorter range or fewer series"
            )
        return Frame(labels, *ranged.judge(function, self.limits.scanned)).compact()

    def _lookback(self, selector: Selector) -> Ranged:
        """Return the window of each series in which the newest sample still counts."""
        flat = Flat.of(self.loaded[load_of(selector, self.steps)], stale=True)
        return Ranged(flat, self.steps.reached(selector), self.steps.times, LOOKBACK_MS)

    def _aggregation(self, part: Aggregation) -> Frame:
        frame, labels, without = self.vector(part.inner), part.labels, part.without
        match part.op, part.param:
            case op, None:
                return aggregate.aggregate(op, frame, labels, without=without)
            case "count_values", String(name):
                most = self.limits.cells
                return aggregate.count_values(frame, name, labels, without=without, most=most)
            case "quantile", param if param is not None:
                return aggregate.quantile(frame, self.number(param), labels, without=without)
            case "topk" | "bottomk" as op, param if param is not None:
                wanted, top = self.number(param), op == "topk"
                return aggregate.extreme(frame, wanted, labels, without=without, top=top)
        raise QueryError(f"{part.op}() is not supported")

    def _binary(self, op: str, left: Expr, right: Expr, matching: Matching, to_bool: bool) -> Frame:
        if kind(left) is Kind.SCALAR:
            number, frame = self.number(left), self.vector(right)
            return binary.with_number(op, frame, number, swapped=True, to_bool=to_bool)
        frame = self.vector(left)
        if kind(right) is Kind.SCALAR:
            number = self.number(right)
            return binary.with_number(op, frame, number, swapped=False, to_bool=to_bool)
        frame, other = frame.compact(), self.vector(right).compact()
        if op in SETS:
            return binary.sets(op, frame, other, matching)
        most = self.limits.cells
        return binary.with_vector(op, frame, other, matching, to_bool=to_bool, most=most)

    def _call(self, call: Call) -> Frame:
        name, args = call.name, call.args
        if name in OF_WINDOW:
            frame = self._judged(self.ranged(args[0]), OF_WINDOW[name])
            return frame if name == "last_over_time" else frame.nameless()
        if name in OF_VALUE:
            frame = self.vector(args[0])
            with np.errstate(all="ignore"):
                return replace(frame, values=OF_VALUE[name](frame.values)).nameless()
        if name in OF_TIME:
            frame = self.vector_of(args[0] if args else Call("time", ()))
            with np.errstate(all="ignore"):
                return replace(frame, values=OF_TIME[name](frame.values)).nameless()
        if name in OF_WINDOW_AND_NUMBER:
            number, ranged = args if name == "quantile_over_time" else args[::-1]
            wanted, function = self.number(number), OF_WINDOW_AND_NUMBER[name]
            return self._judged(self.ranged(ranged), lambda w: function(w, wanted)).nameless()
        return self._special(name, args)

    def _special(self, name: str, args: tuple[Expr, ...]) -> Frame:
        match name, args:
            case "absent", (inner,):
                known = inner.matchers if isinstance(inner, Selector) else ()
                present = self.vector(inner).present
                return self._absent(present, labels_of_absent(known))
            case "absent_over_time", (ranged,):
                known = ranged.selector.matchers if isinstance(ranged, Window) else ()
                present = self._judged(self.ranged(ranged), is_there).present
                return self._absent(present, labels_of_absent(known))
            case "vector", (number,):
                return self.vector_of(number)
            case "timestamp", (inner,):
                return self._timestamp(inner)
            case "histogram_quantile", (wanted, buckets):
                return histogram_quantile(self.number(wanted), self.vector(buckets))
            case "histogram_fraction", (lower, upper, buckets):
                bounds = self.number(lower), self.number(upper)
                return histogram_fraction(*bounds, self.vector(buckets))
            case (("sort" | "sort_desc"), (inner,)):
                frame = self.vector(inner).compact()
                return aggregate.ordered(frame, descending=name == "sort_desc")
            case "label_replace", (inner, *texts):
                target, replacement, source, pattern = map(_text, texts)
                return label_replace(self.vector(inner), target, replacement, source, pattern)
            case "label_join", (inner, target, separator, *sources):
                names = [_text(source) for source in sources]
                return label_join(self.vector(inner), _text(target), _text(separator), names)
        return self._bounded(name, args)

    def _bounded(self, name: str, args: tuple[Expr, ...]) -> Frame:
        """Evaluate the functions of a vector and numbers: clamp and round."""
        frame, numbers = self.vector(args[0]), [self.number(arg) for arg in args[1:]]
        values, present = frame.values, frame.present
        with np.errstate(all="ignore"):
            match name, numbers:
                case "clamp", (low, high):
                    values, present = clamped(values, low, high), present & can_clamp(low, high)
                case "clamp_min", (low,):
                    values = np.maximum(low, values)
                case "clamp_max", (high,):
                    values = np.minimum(high, values)
                case "round", given:
                    values = rounded(values, given[0] if given else np.ones(self.size))
                case _:
                    raise QueryError(f"{name}() is not supported")
        return Frame(frame.labels, values, present).nameless()

    def _timestamp(self, inner: Expr) -> Frame:
        """Return when each value was sampled, or evaluated where it was computed."""
        if isinstance(inner, Selector):
            return self._judged(self._lookback(inner), time_of_newest).nameless()
        frame = self.vector(inner)
        times = np.broadcast_to(self.steps.times / 1000.0, frame.values.shape)
        return replace(frame, values=times).nameless()

    def _absent(self, present: Bools, labels: Labels) -> Frame:
        somebody = np.logical_or.reduce(present, axis=0)[None, :]
        return Frame((labels,), np.ones((1, self.size)), ~somebody)
