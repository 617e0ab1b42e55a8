"""Figures of one side, and how they are laid beside those of the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.figures import table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured thing. cpu: seconds of processor time it took, NaN where that says nothing.

    better: whether more of it is better (samples a second) or less (seconds).
    """

    value: float
    unit: str
    cpu: float = math.nan
    more_is_better: bool = False


Figures = Mapping[str, Figure]
"""What was measured -> the figure."""


def told(ours: Figures, theirs: Mapping[str, Figures]) -> str:
    """Lay ours beside each neighbour's; the ratio says how many times better we are."""
    names = list(theirs)
    head = ["", "Tocsin", *names, *(f"better than {name}" for name in names)]
    rows = [
        [
            f"{what}, {figure.unit}",
            _written(figure),
            *(_written(theirs[name].get(what)) for name in names),
            *(_ratio(figure, theirs[name].get(what)) for name in names),
        ]
        for what, figure in ours.items()
    ]
    return table(head, rows)


def _written(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    cpu = "" if math.isnan(figure.cpu) else f" ({_short(figure.cpu)} CPU s)"
    return f"{_short(figure.value)}{cpu}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _ratio(ours: Figure, other: Figure | None) -> str:
    if other is None or not ours.value or not other.value:
        return "-"
    ratio = ours.value / other.value if ours.more_is_better else other.value / ours.value
    return f"{ratio:.2f} x"


def middle(runs: Sequence[Figures]) -> dict[str, Figure]:
    """Return of each thing the run that lies in the middle."""
    return {
        what: sorted((run[what] for run in runs if what in run), key=lambda one: one.value)[
            (sum(what in run for run in runs) - 1) // 2
        ]
        for what in runs[0]
    }
