"""Draws what each of some names is made of: a bar across, cut into parts, words above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.reports.report import Splits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#c4314b", "#e8912d", "#3b7dd8", "#d9dce0")
INK, FAINT = "#1d1c1d", "#6b6b6b"
LONGEST_NAME, INCHES_A_ROW, INCHES_AROUND = 34, 0.52, 1.0


def draw_splits(figure: Figure, splits: Splits) -> None:
    """Draw one row for each name, the first on top, all to one scale."""
    rows = splits.rows
    figure.set_size_inches(6.4, max(2.0, INCHES_AROUND + INCHES_A_ROW * len(rows)))
    axes = figure.add_subplot()
    longest = max((sum(row.values) for row in rows), default=1.0) or 1.0
    for place, row in enumerate(rows):
        left = 0.0
        for colour, value in zip(COLOURS, row.values, strict=False):
            axes.barh(place, value, 0.36, left=left, color=colour)
            left += value
        name = row.name if len(row.name) <= LONGEST_NAME else row.name[: LONGEST_NAME - 1] + "…"
        axes.text(0, place - 0.28, _plain(name), va="bottom", fontsize=10.5, color=INK)
        axes.text(
            longest,
            place - 0.28,
            _plain(row.note),
            va="bottom",
            ha="right",
            fontsize=9,
            color=FAINT,
        )
    axes.set_title(_plain(splits.title), loc="left", fontweight="bold", fontsize=13)
    axes.set_xlim(0, longest)
    axes.set_ylim(max(len(rows), 1) - 0.6, -0.95)
    axes.axis("off")
    for colour, part in zip(COLOURS, splits.parts, strict=False):
        axes.barh(0, 0, 0, color=colour, label=_plain(part))
    figure.legend(frameon=False, ncols=4, loc="outside lower left", fontsize=10)


def _plain(text: str) -> str:
    """Keep `$` from starting matplotlib's own markup."""
    return text.replace("$", r"\$")
