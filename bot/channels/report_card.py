"""A finished report as Teams shows it: words, a table as rows, charts that Teams draws."""

from collections.abc import Sequence

from bot.channels.card_charts import line_chart
from bot.channels.cards import (
    BUDGETS,
    MOST_BYTES,
    Json,
    bare_card,
    checked,
    paragraph,
    posted,
    run,
    size_of,
)
from bot.channels.json_cut import cut
from routing.delivery.report import Finished, Table, shortest
from routing.delivery.words import ELLIPSIS, flat

LONGEST_CELL = 40
MOST_COLUMNS = 4
SIZES = ((12, 3, 48), (8, 2, 24), (5, 1, 16), (5, 0, 0))
"""Rows, charts and points of a chart; where the card is too large, the next is tried."""


def report_posting(report: Finished) -> Json:
    """Return what is handed to the Workflow: as much of the report as fits."""
    for (rows, charts, points), budget in zip(SIZES, BUDGETS, strict=True):
        made = posted(_card(report, rows, charts, points, budget))
        if size_of(made) <= MOST_BYTES:
            return checked(made)
    return checked(posted(_card(report, 0, 0, 0, BUDGETS[-1])))


def _card(report: Finished, rows: int, charts: int, points: int, budget: int) -> Json:
    body: list[Json] = [
        {
            "type": "Container",
            "style": "emphasis",
            "bleed": True,
            "items": [
                paragraph(run(cut(flat(report.title), budget), size="large", weight="bolder"))
            ],
        },
        paragraph(run(cut(flat(report.headline), budget) or "-"), spacing="medium"),
    ]
    for note in report.notes[:4]:
        text = run(cut(flat(note), budget) or "-", size="small", isSubtle=True)
        body.append(paragraph(text, spacing="small"))
    drawn = [chart for plot in report.plots[:charts] if (chart := line_chart(plot, points))]
    for chart in drawn:
        title = run(f"{chart['title']} ({chart['yAxisTitle']})", weight="bolder")
        body += [paragraph(title, spacing="medium"), chart]
    if report.tables and rows:
        body += _table(report.tables[0], rows)
    return bare_card(body, f"{flat(report.title)}: {flat(report.headline)}", [])


def _table(table: Table, most: int) -> list[Json]:
    shown, hidden = shortest(table.rows, most)
    lines = [_row(row, is_head=number == 0) for number, row in enumerate(shown)]
    if lines:
        lines[0] |= {"separator": True, "spacing": "medium"}
    if hidden:
        lines.append(paragraph(run(f"{ELLIPSIS} and {hidden} more rows", size="small")))
    return lines


def _row(cells: Sequence[str], *, is_head: bool) -> Json:
    """Show the first columns of a row: a card is narrow."""
    look: Json = {"isSubtle": True, "size": "small"} if is_head else {"size": "small"}
    columns = [
        {
            "type": "Column",
            "width": "stretch" if place == 0 else "84px",
            "items": [paragraph(run(cut(flat(cell), LONGEST_CELL) or "-", **look))],
        }
        for place, cell in enumerate(cells[:MOST_COLUMNS])
    ]
    return {"type": "ColumnSet", "spacing": "small", "columns": columns}
