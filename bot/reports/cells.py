"""Small texts for tables: durations for people, cells that a spreadsheet does not run."""

import csv
import io
import re
from collections.abc import Sequence

from routing.delivery.words import flat

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Write rows as CSV (UTF-8 with a mark, so that spreadsheets read it right).

    A cell that looks like a formula gets a leading apostrophe: data must not run.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig", errors="replace")


def _harmless(cell: str) -> str:
    stripped = cell.lstrip(" \n")
    if stripped.startswith(FORMULA) and not _is_number(stripped):
        return "'" + cell
    return cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isprintable()


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as a Markdown table; the first row is the head."""
    if not rows:
        return ""
    lines = ["| " + " | ".join(_flat(cell) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _flat(cell: str) -> str:
    """Keep a cell on its row, and what would be HTML, a link or a picture plain text."""
    return re.sub(r"[\\|<\[\]`]", r"\\\g<0>", flat(cell))


def length(seconds: float | None) -> str:
    """Say a length of time in two units at most: `48 s`, `12 min`, `2 h 5 min`, `3 d 4 h`."""
    if seconds is None or seconds != seconds:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
