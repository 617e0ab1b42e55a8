"""Reports: data first (pages, tables, charts as numbers), pixels later and in a worker process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.reports.amounts import Unit
from storage.errors import BotError

if TYPE_CHECKING:
    from routing.flow.desks import Desks


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text cells; the first row is the head."""

    title: str
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One named series of a chart: a value for each of the chart's `labels`."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A stacked bar chart as data; `unit` stands at the axis."""

    title: str
    labels: Sequence[str]
    bars: Sequence[Bars]
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a panel: a value for each of its `times`; NaN where there is none.

    faint: it is there to compare with, and stays in the background.
    """

    name: str
    values: Sequence[float]
    faint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Lines over time. times: Unix seconds, evenly apart.  limit: a level that is drawn across."""

    title: str
    unit: Unit
    times: Sequence[float]
    lines: Sequence[Line]
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """Panels under each other in one picture."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One name of a picture of splits. values: how large each part is.  note: stands beside it."""

    name: str
    values: Sequence[float]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """A bar across for each name, cut into `parts`, all to one scale."""

    title: str
    parts: Sequence[str]
    rows: Sequence[Split]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A finished report: a headline that answers, then tables and charts.

    The first table is what is shown where there is room for one.
    notes: sentences on what is missing or only half there; shown wherever the headline is.
    csv: the raw rows, first row the head; cells are quoted for spreadsheets when written.
    """

    title: str
    headline: str
    tables: Sequence[Table]
    charts: Sequence[Chart | Panels | Splits]
    csv: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The period reported on, [start, end), aware UTC; the one before it has the same length."""

    start: datetime
    end: datetime

    @property
    def before(self) -> Window:
        """The period of the same length right before this one."""
        length: timedelta = self.end - self.start
        return Window(start=self.start - length, end=self.start)

    @property
    def week_before(self) -> Window:
        """The same period a week earlier."""
        week = timedelta(days=7)
        return Window(start=self.start - week, end=self.end - week)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report's file exports.

    load:  reads what is needed about a subject (which may be empty), in the main process; plain
           picklable rows. Raises ReportFailed for a subject that there is not.
    build: rows -> Page; runs in the worker process, may import pandas; pure.
    subject: the word for what it can be asked about, such as `service`; empty: always about all.
    """

    name: str
    summary: str
    load: Callable[[Desks, Window, str], Awaitable[Any]]
    build: Callable[[Any, Window], Page]
    subject: str = ""


class ReportFailed(BotError):
    """The report could not be made; says why in words fit for the person who asked."""
