"""A finished report on its way to a channel: words, tables, curves, pictures, files."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from routing.delivery.channel import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a plot: a value for each of its times; None where there is none.

    faint: it is there to compare with, and stays in the background.
    """

    name: str
    values: tuple[float | None, ...]
    faint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Lines over time as numbers, for channels that draw them themselves.

    unit:  at the axis; the values are in it.   times: Unix seconds, evenly apart.
    limit: a level to draw across; None: none.
    """

    title: str
    unit: str
    times: tuple[float, ...]
    curves: tuple[Curve, ...]
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A picture or a file. `name` has no path; `media_type` as in HTTP."""

    name: str
    media_type: str
    content: bytes

    @property
    def safe_name(self) -> str:
        """The name less what could be a path, a header or markup."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", self.name)[:80].lstrip(".") or "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text cells; the first row is the head."""

    title: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A finished report, rendered by each channel in its own form. All text may be foreign: data.

    tables: the most important first.  at: when it was made, aware UTC.
    """

    title: str
    headline: str
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    pictures: tuple[File, ...] = ()
    files: tuple[File, ...] = ()
    at: datetime

    @property
    def words(self) -> str:
        """What it says in sentences, its title first."""
        return "\n".join([self.title, self.headline, *self.notes])


@runtime_checkable
class TakesReports(Protocol):
    """A channel that shows reports; its kind says so by `takes_reports`."""

    async def send_report(self, report: Finished, address: str, key: str) -> Receipt:
        """Send a report; raises TryLater or Rejected, as `Channel.send` does."""
        ...


def write(report: Finished) -> str:
    """Return the report as JSON; `read` gives back an equal one."""
    return json.dumps(
        {
            "title": report.title,
            "headline": report.headline,
            "notes": report.notes,
            "tables": [{"title": it.title, "rows": it.rows} for it in report.tables],
            "plots": [_plain(it) for it in report.plots],
            "pictures": [_packed(it) for it in report.pictures],
            "files": [_packed(it) for it in report.files],
            "at": report.at.isoformat(),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def read(text: str) -> Finished:
    """Return the report that `write` wrote."""
    raw = json.loads(text)
    return Finished(
        title=raw["title"],
        headline=raw["headline"],
        notes=tuple(raw["notes"]),
        tables=tuple(
            Table(title=it["title"], rows=tuple(map(tuple, it["rows"]))) for it in raw["tables"]
        ),
        plots=tuple(map(_plot, raw["plots"])),
        pictures=tuple(map(_file, raw["pictures"])),
        files=tuple(map(_file, raw["files"])),
        at=datetime.fromisoformat(raw["at"]),
    )


def _plain(plot: Plot) -> dict[str, Any]:
    curves = [{"name": it.name, "values": it.values, "faint": it.faint} for it in plot.curves]
    told = {"title": plot.title, "unit": plot.unit, "times": plot.times, "limit": plot.limit}
    return {**told, "curves": curves}


def _plot(raw: dict[str, Any]) -> Plot:
    return Plot(
        title=raw["title"],
        unit=raw["unit"],
        times=tuple(raw["times"]),
        limit=raw["limit"],
        curves=tuple(
            Curve(name=it["name"], values=tuple(it["values"]), faint=it["faint"])
            for it in raw["curves"]
        ),
    )


def _packed(file: File) -> dict[str, str]:
    content = base64.b64encode(file.content).decode("ascii")
    return {"name": file.name, "media_type": file.media_type, "content": content}


def _file(raw: dict[str, str]) -> File:
    return File(
        name=raw["name"],
        media_type=raw["media_type"],
        content=base64.b64decode(raw["content"]),
    )


def shortest(rows: Sequence[Sequence[str]], most: int) -> tuple[Sequence[Sequence[str]], int]:
    """Return the head and up to `most` rows, and how many rows that leaves out."""
    return rows[: most + 1], max(0, len(rows) - 1 - most)
