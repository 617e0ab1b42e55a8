"""Reports: data first (pages, tables, charts as numbers), pixels later and in a worker process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

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
class Page:
    """A finished report: a headline that answers, then tables and charts.

    csv: the raw rows, first row the head; cells are quoted for spreadsheets when written.
    """

    title: str
    headline: str
    tables: Sequence[Table]
    charts: Sequence[Chart]
    csv: Sequence[Sequence[str]]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report's file exports.

    load:  reads what is needed, in the main process; plain picklable rows.
    build: rows -> Page; runs in the worker process, may import pandas; pure.
    """

    name: str
    summary: str
    load: Callable[[Desks, Window], Awaitable[Any]]
    build: Callable[[Any, Window], Page]
