"""Lines over time as pictures: panels under each other, made for a phone held upright."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from math import ceil, isfinite, log2
from typing import TYPE_CHECKING, Any

from bot.reports.amounts import Unit, amount
from bot.reports.report import Line, Panel, Panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, RULE, GRID = "#1d1c1d", "#6b6b6b", "#c8c8c8", "#e6e6e6"
COLOURS = ("#2b6cb0", "#d9730d", "#6b46c1", "#0f8a6b", "#b83280", "#5f6b7a")
LIMIT = "#c4314b"
WIDTH, PANEL, TITLE = 6.4, 2.15, 0.45  # inches, at 200 points each
LONGEST_NAME, LONGEST_TITLE = 24, 48
MOST_BESIDE, MOST_UNDER = 44, 66
"""Letters of all names that have room beside a title, and in one row under a panel."""
LARGEST = 1e30


def draw_panels(figure: Figure, picture: Panels) -> None:
    """Draw every panel, and the title over them."""
    figure.set_size_inches(WIDTH, TITLE + PANEL * len(picture.panels))
    figure.suptitle(
        plain(picture.title, LONGEST_TITLE), x=0.02, ha="left", fontsize=13, fontweight="bold"
    )
    for place, panel in enumerate(picture.panels, start=1):
        axes = figure.add_subplot(len(picture.panels), 1, place)
        draw_panel(axes, panel)


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw one panel: its title, lines with their names, axes with units."""
    colours = iter(COLOURS)
    moments = [_day(at) for at in panel.times]
    for line in panel.lines:
        _line(axes, moments, line, "" if line.faint else next(colours, COLOURS[-1]))
    if panel.limit is not None:
        axes.axhline(panel.limit, color=LIMIT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=3)
    _value_axis(axes, panel)
    _time_axis(axes, panel.times)
    axes.tick_params(length=0, colors=FAINT, labelsize=9.5)
    axes.tick_params(axis="x", pad=6)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.set_title(plain(panel.title, LONGEST_TITLE), loc="left", fontsize=11.5, color=INK)
    if len(panel.lines) > 1:
        _legend(axes, panel.lines)


def _legend(axes: Axes, lines: Sequence[Line]) -> None:
    """Name the lines: beside the title while there is room, else under the panel."""
    letters = sum(min(len(line.name), LONGEST_NAME) + 6 for line in lines)
    if letters <= MOST_BESIDE:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(lines), **_LEGEND)
    else:
        columns = len(lines) if letters <= MOST_UNDER else 2
        axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.15), ncols=columns, **_LEGEND)


_LEGEND: dict[str, Any] = {
    "frameon": False,
    "fontsize": 9.5,
    "handlelength": 1.2,
    "columnspacing": 1.2,
    "borderaxespad": 0.2,
}


def _line(axes: Axes, moments: list[float], line: Line, colour: str) -> None:
    """Draw a line; a point that stands alone among gaps is a dot."""
    values = [value if isfinite(value) and abs(value) < LARGEST else float("nan")
              for value in line.values]  # fmt: skip
    name = plain(line.name, LONGEST_NAME)
    # A name that begins with an underscore is one that matplotlib hides.
    label = "\u200b" + name if name.startswith("_") else name
    shade = "#b4b4b4" if line.faint else colour
    width, order = (1.3, 2) if line.faint else (1.9, 4)
    axes.plot(
        moments[: len(values)], values, color=shade, label=label, linewidth=width, zorder=order
    )
    gap = [True, *(value != value for value in values), True]
    alone = [i for i, value in enumerate(values) if value == value and gap[i] and gap[i + 2]]
    axes.plot([moments[i] for i in alone], [values[i] for i in alone], "o", color=shade,
              markersize=3.5, zorder=5)  # fmt: skip


def _room(panel: Panel) -> tuple[float, float]:
    """Return the ends of the axis: from zero, unless something lies below."""
    values = [v for line in panel.lines for v in line.values if isfinite(v) and abs(v) < LARGEST]
    values += [panel.limit] if panel.limit is not None else []
    low, high = min([0.0, *values]), max([0.0, *values])
    if low == high:
        high = {Unit.RATIO: 0.01, Unit.SECONDS: 0.001}.get(panel.unit, 1.0)
    # A line along zero lies above the axis, where it is seen.
    return low * 1.08 - (high - low) * 0.015, high * 1.12 or -low * 0.05


def _value_axis(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    low, high = _room(panel)
    axes.set_ylim(low, high)
    if panel.unit in (Unit.BYTES, Unit.BYTES_PER_SECOND):
        axes.yaxis.set_major_locator(MultipleLocator(2.0 ** ceil(log2((high - low) / 4.5))))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, min_n_ticks=2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, panel.unit)))


def _time_axis(axes: Axes, times: object) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    assert isinstance(times, (list, tuple))
    if not times:
        return
    step = times[1] - times[0] if len(times) > 1 else 60.0
    axes.set_xlim(_day(times[0] - step), _day(times[-1]))
    locator = AutoDateLocator(minticks=3, maxticks=7, tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    span = times[-1] - times[0] + step
    form = "%H:%M" if span <= 86_400 * 1.5 else "%a %d" if span <= 86_400 * 9 else "%d %b"
    axes.xaxis.set_major_formatter(DateFormatter(form, tz=UTC))  # type: ignore[no-untyped-call]


def _day(at: float) -> float:
    """Return a moment as matplotlib counts: days since 1970."""
    return at / 86_400


def plain(text: str, longest: int) -> str:
    """Keep `$` from starting matplotlib's own markup; one line, of a length that fits."""
    flat = " ".join(text.split())
    cut = flat if len(flat) <= longest else flat[: longest - 1] + "…"
    return cut.replace("$", r"\$")
