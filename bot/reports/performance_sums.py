"""What was loaded -> the figures of each service and machine. Pure; never divides by zero."""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np

from bot.reports.amounts import Unit
from bot.reports.figures import FIGURES, MACHINE_FIGURES, QUANTILES, SERVICE_FIGURES, scale_of
from bot.reports.performance_load import PERIODS, Answer, Loaded
from storage.model.labels import Labels
from storage.model.sample import Floats
from storage.promql.histogram import histogram_quantile
from storage.promql.values import Frame

SHOWN = ("requests", "errors", *QUANTILES, "cpu", "memory", "network_in", "network_out")
"""The figures of a service as they are shown, in this order."""
TITLES = {
    "requests": ("Requests", Unit.PER_SECOND),
    "errors": ("Failed", Unit.RATIO),
    **{name: (f"Latency {name}", Unit.SECONDS) for name in QUANTILES},
}


def title_of(figure: str) -> str:
    """Return what a figure is called."""
    return TITLES[figure][0] if figure in TITLES else FIGURES[figure].title


def unit_of(figure: str) -> Unit:
    """Return what a figure counts."""
    return TITLES[figure][1] if figure in TITLES else FIGURES[figure].unit


@dataclass(frozen=True, slots=True)
class Course:
    """A figure over a period.

    points: (points,), NaN where there is nothing.  whole: of all of the period.
    """

    points: Floats
    whole: float = nan

    @property
    def peak(self) -> float:
        """The highest point."""
        real = self.points[np.isfinite(self.points)]
        return float(real.max()) if len(real) else nan

    @property
    def is_there(self) -> bool:
        """Whether there is any point."""
        return bool(np.isfinite(self.points).any())

    @property
    def share(self) -> float:
        """How much of the period it was there."""
        return float(np.isfinite(self.points).mean()) if len(self.points) else 0.0


@dataclass(slots=True)
class Subject:
    """A service or a machine: figure -> period -> its course; figure -> the metric it is from."""

    name: str
    courses: dict[str, dict[str, Course]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def get(self, figure: str, period: str = "now") -> Course:
        """Return a course; one without points where there is none."""
        return self.courses.get(figure, {}).get(period, Course(np.empty(0)))

    def whole(self, figure: str, period: str = "now") -> float:
        """Return the figure of all of a period; NaN where there is none."""
        return self.get(figure, period).whole


def services(loaded: Loaded) -> list[Subject]:
    """Return the services, those with most requests first, then those with most CPU."""
    found = _subjects(loaded, SERVICE_FIGURES)
    return sorted(found, key=lambda one: (_rank(one, "requests"), _rank(one, "cpu"), one.name))


def machines(loaded: Loaded) -> list[Subject]:
    """Return the machines, the busiest first."""
    found = _subjects(loaded, MACHINE_FIGURES)
    return sorted(found, key=lambda one: (_rank(one, "machine_cpu"), one.name))


def _rank(subject: Subject, figure: str) -> float:
    value = subject.whole(figure)
    return 1.0 if value != value else -value


def _subjects(loaded: Loaded, figures: Iterable[str]) -> list[Subject]:
    found: dict[str, Subject] = {}
    by_figure: dict[str, list[Answer]] = defaultdict(list)
    for answer in loaded.answers:
        by_figure[answer.figure].append(answer)
    for figure in figures:
        if figure == "failures":
            continue
        for name, answers in _chosen(by_figure[figure]).items():
            subject = found.setdefault(name, Subject(name))
            _take(subject, figure, answers, name)
    for subject in found.values():
        _relate(subject, by_figure["failures"])
    return [subject for subject in found.values() if subject.courses]


def _chosen(answers: Sequence[Answer]) -> Mapping[str, list[Answer]]:
    """Return of each name the answers of the first way that has data for it, now at best."""
    places: dict[str, tuple[int, int]] = {}
    for answer in answers:
        late = 0 if answer.period == "now" else 1
        for (name, _), row in zip(answer.rows, answer.values, strict=True):
            if np.isfinite(row).any():
                at = (late, answer.place)
                places[name] = min(places.get(name, at), at)
    found: dict[str, list[Answer]] = {name: [] for name in places}
    for answer in answers:
        for name in {name for name, _ in answer.rows} & places.keys():
            if places[name][1] == answer.place:
                found[name].append(answer)
    return found


def _take(subject: Subject, figure: str, answers: Sequence[Answer], name: str) -> None:
    for period in PERIODS:
        rows = [
            (bound, row)
            for answer in answers
            if answer.period == period
            for (of, bound), row in zip(answer.rows, answer.values, strict=True)
            if of == name
        ]
        if not rows:
            continue
        source = answers[0].source
        if figure == "buckets":
            _take_buckets(subject, period, rows, source)
            continue
        points = _united([row for _, row in rows], FIGURES[figure].unit)
        if figure in QUANTILES and subject.get(figure, period).is_there:
            continue
        subject.courses.setdefault(figure, {})[period] = _course(points, last=FIGURES[figure].last)
        subject.sources[figure] = source


def _take_buckets(
    subject: Subject, period: str, rows: Sequence[tuple[str, Floats]], source: str
) -> None:
    """Make the quantiles of a histogram: at each point, and of the whole period."""
    by_bound: dict[str, list[Floats]] = defaultdict(list)
    for bound, row in rows:
        by_bound[bound].append(row)
    labels = tuple(Labels.of({"le": bound}) for bound in by_bound)
    each = np.array([_united(found, Unit.PER_SECOND) for found in by_bound.values()])
    whole = np.nansum(each, axis=1, keepdims=True)
    table = np.concatenate([each, whole], axis=1)
    frame = Frame(labels, np.nan_to_num(table), np.isfinite(table))
    for name, wanted in QUANTILES.items():
        answer = histogram_quantile(np.full(table.shape[1], wanted), frame)
        if not len(answer.labels):
            continue
        found = np.where(answer.present, answer.values, np.nan)[0] * scale_of([source])
        course = Course(found[:-1], float(found[-1]))
        if course.is_there:
            subject.courses.setdefault(name, {})[period] = course
            subject.sources[name] = source


def _relate(subject: Subject, failures: Sequence[Answer]) -> None:
    """Make the share of failed requests, by what tells of the very requests that were counted.

    Where no series tells of failed ones there were none: the way was asked, so its metric and its
    label are there.
    """
    counted = subject.sources.get("requests")
    told = [it for it in failures if it.source in (counted, _own(it))]
    if not told or counted is None:
        return
    place = min(answer.place for answer in told)
    for period, requests in subject.courses["requests"].items():
        rows = [
            row
            for answer in told
            if answer.period == period and answer.place == place
            for (of, _), row in zip(answer.rows, answer.values, strict=True)
            if of == subject.name
        ]
        failed = np.nansum(np.array(rows), axis=0) if rows else np.zeros(len(requests.points))
        subject.courses.setdefault("errors", {})[period] = _share(failed, requests.points)
        subject.sources["errors"] = told[0].source


def _own(answer: Answer) -> str:
    """Return the answer's source where it was configured; empty: it is one of the usual ones."""
    return "" if answer.source in SERVICE_FIGURES["failures"].ways else answer.source


def _share(failed: Floats, total: Floats) -> Course:
    """Return which part failed; nothing where there were no requests."""
    failed = np.where(np.isfinite(total) & np.isfinite(failed), failed, 0.0)
    share = np.divide(failed, total, out=np.full(len(total), np.nan), where=total > 0)
    every = float(np.nansum(total))
    return Course(share, float(failed.sum()) / every if every > 0 else nan)


def _united(rows: Sequence[Floats], unit: Unit) -> Floats:
    """Return one row of several: what can be added is; of times and shares the largest."""
    table = np.array(rows)
    table[~np.isfinite(table)] = np.nan
    there = np.isfinite(table).any(axis=0)
    if unit in (Unit.SECONDS, Unit.RATIO):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column without anything
            return np.asarray(np.nanmax(table, axis=0))
    return np.where(there, np.nansum(table, axis=0), np.nan)


def _course(points: Floats, *, last: bool) -> Course:
    real = points[np.isfinite(points)]
    if not len(real):
        return Course(points)
    return Course(points, float(real[-1] if last else real.mean()))
