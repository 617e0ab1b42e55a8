"""Loads the numbers of the performance report: which metrics are there, and what they say."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from bot.reports.figures import (
    FIGURES,
    MACHINE_FIGURES,
    MACHINE_LABELS,
    SERVICE_FIGURES,
    Figure,
    Performance,
    failed_matcher,
    filled,
    metrics_of,
    own_way,
    template,
)
from bot.reports.report import ReportFailed, Window
from routing.flow.desks import Desks
from storage.errors import QueryError, nearest
from storage.metrics.port import Metrics
from storage.model.labels import NAME, Matcher, MatchOp
from storage.model.sample import Floats

POINTS = 96
"""Points of a chart: a quarter of an hour each, in a day."""
SHORTEST_STEP, SHORTEST_WINDOW = 15, 120
"""Seconds. A rate needs two samples, and many are scraped but once a minute."""
AT_ONCE = 4
"""Queries on their way at a time: a report must not crowd out the rules."""
MOST_KNOWN = 20
PERIODS = ("now", "before", "week")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one way to a figure gave in one period.

    period:  of PERIODS.   place: of the way among those of its figure; the first with data counts.
    rows:    of each row the name of the service or machine, and the bucket's bound or "".
    values:  (rows, points); NaN where there is nothing.
    """

    figure: str
    period: str
    place: int
    source: str
    rows: tuple[tuple[str, str], ...]
    values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Everything that the page is made of.

    times:   (points,) Unix seconds of the period itself.
    missing: figure -> why there is nothing, and what would give it.
    """

    service: str
    times: Floats
    step: int
    top: int
    answers: tuple[Answer, ...]
    missing: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way to a figure whose metrics are there. only: the one service that it is of."""

    figure: str
    place: int
    opened: str
    source: str
    levels: tuple[tuple[str, str], ...]
    failed: str = ""
    only: str = ""


async def load(desks: Desks, window: Window, subject: str) -> Loaded:
    """Ask for every figure there is, of one service or of all, in the three periods.

    Raises ReportFailed for a service that there is not, MetricsUnavailable.
    """
    options = desks.settings().get("performance") or Performance()
    assert isinstance(options, Performance)
    return await _Loading(desks.metrics, options, window, subject).run()


class _Loading:
    """One report on its way."""

    def __init__(
        self, metrics: Metrics, options: Performance, window: Window, service: str
    ) -> None:
        self._metrics, self._options, self._service = metrics, options, service
        span = (window.end - window.start).total_seconds()
        self._step = max(SHORTEST_STEP, round(span / POINTS))
        self._points = max(1, int(span // self._step))
        self._window = max(self._step, SHORTEST_WINDOW)
        self._ends = {
            "now": window.end.timestamp(),
            "before": window.before.end.timestamp(),
            "week": window.week_before.end.timestamp(),
        }
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._missing: dict[str, str] = {}
        self._labels: dict[str, tuple[str, ...]] = {}

    async def run(self) -> Loaded:
        names = set(await self._metrics.label_values(NAME))
        ways = [way for name in FIGURES for way in await self._ways(name, names)]
        if self._service and self._service not in self._options.services:
            await self._refuse_unknown(ways)
        asked = [
            self._ask(way, by, match, period)
            for way in ways
            for by, match in way.levels
            for period in PERIODS
        ]
        answers = tuple(answer for answer in await _all(asked) if answer is not None)
        end = self._ends["now"]
        return Loaded(
            service=self._service,
            times=end - self._step * np.arange(self._points - 1, -1, -1, dtype=np.float64),
            step=self._step,
            top=self._options.top,
            answers=answers,
            missing=self._missing,
        )

    async def _ways(self, name: str, names: set[str]) -> list[_Way]:
        """Return the ways to a figure whose metrics are there; notes why where there is none."""
        figure, own = FIGURES[name], own_way(self._options.figures, name)
        found: list[_Way] = []
        wanted = list[str]()
        for service, ways in self._options.services.items():
            if self._service in ("", service) and name in SERVICE_FIGURES:
                its = own_way(ways.figures, name)
                if its or ways.match:
                    told = _told(figure, its or own)
                    found += await self._there(name, figure, told, names, wanted, service)
        if not (self._service in self._options.services and found):
            found += await self._there(name, figure, _told(figure, own), names, wanted)
        if not found and wanted:
            self._missing.setdefault(name, _would_give(wanted))
        return found

    async def _there(
        self,
        name: str,
        figure: Figure,
        told: Sequence[str],
        names: set[str],
        wanted: list[str],
        only: str = "",
    ) -> list[_Way]:
        found = []
        for place, way in enumerate(told):
            opened = template(way, figure.kind)
            metrics = metrics_of(opened)
            if lacking := [metric for metric in metrics if metric not in names]:
                wanted.append(lacking[0])
                continue
            labels = await self._labels_of(metrics[0])
            failed = failed_matcher(labels)
            if "$failed" in opened and not failed:
                self._missing.setdefault(name, _no_failed(metrics[0]))
                continue
            levels = self._levels(name, labels, only)
            # A service's own ways come before those that it shares with all.
            at = place if only else place + len(FIGURES)
            found.append(
                _Way(
                    figure=name,
                    place=at,
                    opened=opened,
                    source=metrics[0],
                    levels=levels,
                    failed=failed,
                    only=only,
                )
            )
        if found:
            self._missing.pop(name, None)
        return found

    async def _labels_of(self, metric: str) -> tuple[str, ...]:
        if metric not in self._labels:
            named = [Matcher(NAME, MatchOp.EQUAL, metric)]
            self._labels[metric] = await self._metrics.label_names(named)
        return self._labels[metric]

    def _levels(self, figure: str, labels: Sequence[str], only: str) -> tuple[tuple[str, str], ...]:
        """Return (label to group by, matchers): one for each label that may name a service."""
        if figure in MACHINE_FIGURES:
            service = self._options.services.get(self._service)
            wanted = service.machines if service else ()
            return ((MACHINE_LABELS[0], _written(wanted)),)
        if only and (match := self._options.services[only].match):
            return (("", _written(match)),)
        name = only or self._service
        levels, before = [], list[Matcher]()
        for label in self._options.service_labels:
            if label in labels:
                op = MatchOp.EQUAL if name else MatchOp.NOT_EQUAL
                levels.append((label, _written([*before, Matcher(label, op, name)])))
                before.append(Matcher(label, MatchOp.EQUAL, ""))
        return tuple(levels)

    async def _refuse_unknown(self, ways: Iterable[_Way]) -> None:
        """Raise ReportFailed where no series is of the service that was asked for."""
        known = set(self._options.services)
        for metric in dict.fromkeys(w.source for w in ways if w.figure in SERVICE_FIGURES):
            named = [Matcher(NAME, MatchOp.EQUAL, metric)]
            for label in self._options.service_labels:
                if label in self._labels[metric]:
                    known |= set(await self._metrics.label_values(label, named))
        if self._service in known:
            return
        labels = ", ".join(self._options.service_labels)
        if not known:
            raise ReportFailed(
                f"nothing is known of {self._service!r}: no metric of a service has come in yet "
                f"(looked for {', '.join(SERVICE_FIGURES['requests'].ways[:3])} and others, "
                f"with one of the labels {labels}); docs/reports.md"
            )
        listed = sorted(known)
        more = f" and {len(listed) - MOST_KNOWN} more" if len(listed) > MOST_KNOWN else ""
        raise ReportFailed(
            f"no service is called {self._service!r}; {nearest(self._service, known)}"
            f"known by the labels {labels}: {', '.join(listed[:MOST_KNOWN])}{more}"
        )

    async def _ask(self, way: _Way, by: str, match: str, period: str) -> Answer | None:
        """Ask one query; None, and a word about it, where it is refused as wrong or too much."""
        query = filled(way.opened, by=by, match=match, window=self._window, failed=way.failed)
        end = self._ends[period]
        start = end - (self._points - 1) * self._step
        async with self._turns:
            try:
                matrix = await self._metrics.range(query, start, end, float(self._step))
            except QueryError as error:
                self._missing.setdefault(way.figure, f"the query was refused: {error}")
                return None
        values = matrix.filled()
        if values.shape[1] != self._points:  # a grid that rounding made longer or shorter
            values = values[:, : self._points]
        name = "this machine" if way.figure in MACHINE_FIGURES else way.only or self._service
        return Answer(
            figure=way.figure,
            period=period,
            place=way.place,
            source=way.source,
            rows=tuple((it.get(by) or name, it.get("le")) for it in matrix.labels),
            values=values,
        )


def _told(figure: Figure, own: str) -> tuple[str, ...]:
    return (own,) if own else figure.ways


def _written(matchers: Iterable[Matcher]) -> str:
    return ",".join(map(str, matchers))


def _would_give(wanted: Sequence[str]) -> str:
    names = list(dict.fromkeys(wanted))
    more = ", ..." if len(names) > 3 else ""
    return f"{' or '.join(names[:3])}{more} would give it"


def _no_failed(metric: str) -> str:
    return f"{metric} has no label such as code or status that tells failed requests"


async def _all(asked: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all; the first error ends the others."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
