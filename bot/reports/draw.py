"""Charts as pictures. Only the worker process draws; matplotlib is loaded when it does."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bot.reports.draw_lines import draw_panels
from bot.reports.draw_splits import draw_splits
from bot.reports.report import Chart, Panels, Splits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {
    "critical": "#c4314b",
    "warning": "#e8912d",
    "informational": "#3b7dd8",
    "predictive": "#7a5bb5",
}
INK, FAINT = "#1d1c1d", "#8a8a8a"
MOST_LABELS = 8


def png(chart: Chart | Panels | Splits) -> bytes:
    """Draw a stacked bar chart, or lines over time; readable on a phone."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"font.family": ["DejaVu Sans"], "font.size": 11, "text.color": INK}):
        figure = Figure(figsize=(6.4, 3.4), dpi=200, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        if isinstance(chart, Panels):
            draw_panels(figure, chart)
        elif isinstance(chart, Splits):
            draw_splits(figure, chart)
        else:
            _bars(figure, chart)
        out = io.BytesIO()
        figure.savefig(out, format="png")
    return out.getvalue()


def _bars(figure: Figure, chart: Chart) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    positions = range(len(chart.labels))
    bottom = [0.0] * len(chart.labels)
    for bars in chart.bars:
        colour = COLOURS.get(bars.name, "#5f6b7a")
        axes.bar(
            [at + 0.09 for at in positions],
            bars.values,
            0.82,
            align="edge",
            bottom=bottom,
            color=colour,
            label=_plain(bars.name),
        )
        bottom = [low + value for low, value in zip(bottom, bars.values, strict=True)]
    axes.set_title(_plain(chart.title), loc="left", fontweight="bold", fontsize=13)
    axes.set_ylabel(_plain(chart.unit), color=FAINT)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    axes.set_ylim(0, max(1.0, *bottom) * 1.15 if bottom else 1.0)
    every = max(1, -(-len(chart.labels) // MOST_LABELS))
    axes.set_xlim(0, max(1, len(chart.labels)))
    axes.set_xticks(list(positions)[::every], [_plain(t) for t in chart.labels][::every])
    axes.tick_params(length=0, colors=FAINT)
    axes.tick_params(axis="x", pad=7)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c8c8c8")
    if chart.bars:
        axes.legend(frameon=False, ncols=4, loc="upper right", fontsize=10)
    else:
        axes.text(0.5, 0.5, "nothing in this period", transform=axes.transAxes,
                  ha="center", color=FAINT)  # fmt: skip


def _plain(text: str) -> str:
    """Keep `$` from starting matplotlib's own markup."""
    return text.replace("$", r"\$")
