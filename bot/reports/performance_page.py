"""The performance report as a page: what a reader wants to know first, tables, charts, rows."""

from collections.abc import Iterable, Sequence

from bot.reports.amounts import ABSENT, Unit, amount, change
from bot.reports.cells import length
from bot.reports.figures import FIGURES, MACHINE_FIGURES, QUANTILES
from bot.reports.performance_load import Loaded
from bot.reports.performance_sums import (
    SHOWN,
    Course,
    Subject,
    machines,
    services,
    title_of,
    unit_of,
)
from bot.reports.report import Line, Page, Panel, Panels, Table, Window

MOST_LINES = 5
LATENCIES = ("p50", "p95", "p99")
EARLIER = {"before": "the period before", "week": "the week before"}
WEEK = 7 * 86_400
PARTLY = 0.9
"""Of a period; a figure that was there for less is said to be partly there."""


def build(loaded: Loaded, window: Window) -> Page:
    """Write the page: of one service, or of all of them."""
    span = length((window.end - window.start).total_seconds())
    found, hosts = services(loaded), machines(loaded)
    shown, top = found[: loaded.top], hosts[: loaded.top]
    machine_table = Table(title="Machines", rows=_machines(top))
    if loaded.service:
        subject = found[0] if found else Subject(loaded.service)
        title = f"Performance of {loaded.service}, last {span}"
        headline = _headline(subject, span, "week" if _earlier(loaded) == ["week"] else "before")
        tables = [Table(title="Figures", rows=_figures(subject, hosts, loaded))]
        charts = _charts_of_one(subject, top, loaded, title)
    else:
        title = f"Performance, last {span}"
        headline = _headline_of_all(found, hosts, span)
        tables = [Table(title="Services", rows=_services(shown))] if shown else []
        charts = _charts_of_all(shown, top, loaded, title)
    if hosts:
        tables.append(machine_table)
    return Page(
        title=title,
        headline=headline,
        notes=_notes(loaded, shown, found, hosts, top),
        tables=tables or [Table(title="Figures", rows=[["figure", "now"]])],
        charts=charts,
        csv=_raw(found, hosts),
    )


def _headline(subject: Subject, span: str, earlier: str) -> str:
    """Say how much came, how much of it failed and how long it took, beside the period before."""
    said = []
    for figure, words in (("requests", "{} requests"), ("errors", "{} of them failed"),
                          ("p95", "p95 {}")):  # fmt: skip
        now, unit = subject.whole(figure), unit_of(figure)
        if now == now:
            before = subject.whole(figure, earlier)
            beside = f" ({amount(before, unit)} before)" if before == before else ""
            said.append(words.format(amount(now, unit)) + beside)
    if said:
        return ", ".join(said) + "."
    if subject.whole("requests") == 0 or subject.get("requests").is_there:
        return f"No request in the last {span}."
    return f"No requests are known of in the last {span}."


def _headline_of_all(found: Sequence[Subject], hosts: Sequence[Subject], span: str) -> str:
    parts = []
    if found:
        total = _sum(one.whole("requests") for one in found)
        worst = max(found, key=lambda one: _or(one.whole("errors"), 0.0))
        parts.append(_count(len(found), "service") + f", {amount(total, Unit.PER_SECOND)} requests")
        if _or(worst.whole("errors"), 0.0) > 0:
            share = amount(worst.whole("errors"), Unit.RATIO)
            parts.append(f"most fail at {worst.name} ({share})")
        slow = max(found, key=lambda one: _or(one.whole("p95"), 0.0))
        if slow.get("p95").is_there:
            took = amount(slow.whole("p95"), Unit.SECONDS)
            parts.append(f"the slowest is {slow.name} (p95 {took})")
    if hosts:
        busiest = amount(hosts[0].whole("machine_cpu"), Unit.RATIO)
        told = f", the busiest at {busiest} CPU" if busiest != ABSENT else ""
        parts.append(_count(len(hosts), "machine") + told)
    return "; ".join(parts) + "." if parts else f"No figures are known of in the last {span}."


def _earlier(loaded: Loaded) -> list[str]:
    """Return the earlier periods; one where the period before is that of the week before."""
    span = loaded.step * len(loaded.times)
    return ["week"] if abs(span - WEEK) < loaded.step * 2 else list(EARLIER)


def _figures(subject: Subject, hosts: Sequence[Subject], loaded: Loaded) -> list[list[str]]:
    """One figure a row, beside the period and the week before."""
    periods, heads = _earlier(loaded), {"before": "before", "week": "week before"}
    rows = [["figure", "now", "peak"]]
    rows[0] += [word for period in periods for word in (heads[period], "change")]
    rows += [_row(title_of(f), subject, f, periods) for f in SHOWN if f in subject.courses]
    for figure in MACHINE_FIGURES:
        there = [host for host in hosts if host.get(figure).is_there]
        if there:
            worst = max(there, key=lambda host: _or(host.whole(figure), 0.0))
            many = f" ({worst.name})" if len(there) > 1 else ""
            rows.append(_row(f"Machine: {title_of(figure)}{many}", worst, figure, periods))
    return rows


def _row(title: str, subject: Subject, figure: str, periods: Sequence[str]) -> list[str]:
    course, unit = subject.get(figure), unit_of(figure)
    row = [title, amount(course.whole, unit), amount(course.peak, unit)]
    for period in periods:
        then = subject.whole(figure, period)
        row += [amount(then, unit), change(course.whole, then, unit)]
    return row


def _services(shown: Sequence[Subject]) -> list[list[str]]:
    head = ["service", "requests", "change", "failed", "change", "p50", "p95", "change", "p99"]
    rows = [[*head, "CPU", "memory"]]
    for one in shown:
        row = [one.name]
        for figure in ("requests", "errors", "p50", "p95", "p99", "cpu", "memory"):
            unit, now = unit_of(figure), one.whole(figure)
            row.append(amount(now, unit))
            if figure in ("requests", "errors", "p95"):
                row.append(change(now, one.whole(figure, "before"), unit))
        rows.append(row)
    return rows


def _machines(shown: Sequence[Subject]) -> list[list[str]]:
    rows = [["machine", *(title_of(figure) for figure in MACHINE_FIGURES), "CPU before"]]
    for one in shown:
        cells = [amount(one.whole(figure), unit_of(figure)) for figure in MACHINE_FIGURES]
        rows.append([one.name, *cells, amount(one.whole("machine_cpu", "before"), Unit.RATIO)])
    return rows


def _notes(
    loaded: Loaded,
    shown: Sequence[Subject],
    found: Sequence[Subject],
    hosts: Sequence[Subject],
    top: Sequence[Subject],
) -> list[str]:
    """Say what is left out, what is missing and what is only partly there."""
    notes = []
    if not loaded.service and len(found) > len(shown):
        notes.append(
            f"{_count(len(found) - len(shown), 'more service')} not shown; the CSV has all."
        )
    if len(hosts) > len(top):
        notes.append(f"{_count(len(hosts) - len(top), 'more machine')} not shown; the CSV has all.")
    notes += _missing(loaded, [*found, *hosts])
    for period in _earlier(loaded):
        notes += _history(EARLIER[period], [*found, *hosts], period)
    return notes


def _missing(loaded: Loaded, subjects: Sequence[Subject]) -> list[str]:
    there = {figure for one in subjects for figure in one.courses}
    if there & QUANTILES.keys():
        there |= {"buckets", *QUANTILES}
    if "errors" in there:
        there.add("failures")
    wanted = [name for name, figure in FIGURES.items() if figure.ways and name not in there]
    # Hardly any client library counts its own traffic; that of the machines says as much.
    wanted = [name for name in wanted if f"machine_{name}" not in there]
    reasons: dict[str, list[str]] = {}
    for name in wanted:
        words = f"machines' {title_of(name)}" if name in MACHINE_FIGURES else title_of(name)
        why = loaded.missing.get(name, "its metric is there, but no sample of it in these periods")
        reasons.setdefault(why, []).append(words)
    return [f"No data for {', '.join(words)}: {why}." for why, words in reasons.items()]


def _history(words: str, subjects: Sequence[Subject], period: str) -> list[str]:
    """Say where an earlier period has nothing, or only a part, to compare with."""
    courses = [
        (course, one.get(figure, period))
        for one in subjects
        for figure, periods in one.courses.items()
        if figure != "errors" and (course := periods.get("now")) is not None and course.is_there
    ]
    if not courses:
        return []
    best = max(then.share for _, then in courses)
    if best == 0:
        return [f"{words.capitalize()}: no data yet."]
    if best < PARTLY:
        return [f"{words.capitalize()}: data for {best:.0%} of it only; means are of that part."]
    return []


def _charts_of_one(
    subject: Subject, hosts: Sequence[Subject], loaded: Loaded, title: str
) -> list[Panels]:
    now = [_beside(subject, figure, loaded) for figure in ("requests", "errors")]
    took = [Line(name=q, values=_told(subject.get(q))) for q in LATENCIES if q in subject.courses]
    if took and subject.get("p95", "week").is_there:
        week = _told(subject.get("p95", "week"))
        took.append(Line(name="p95 the week before", values=week, faint=True))
    latency = _panel("Latency", Unit.SECONDS, took, loaded)
    own = [_beside(subject, f, loaded) for f in ("cpu", "memory")]
    net = [
        Line(name=f"{title_of(figure).lower()}", values=_told(subject.get(figure)))
        for figure in ("network_in", "network_out")
        if subject.get(figure).is_there
    ]
    machine = [_each(f"Machines: {title_of(f)}", f, hosts, loaded) for f in _PICTURED]
    return _pictures(
        (f"{title} (UTC)", [*now, latency]),
        (
            "Resources (UTC)",
            [*own, _panel("Network", Unit.BYTES_PER_SECOND, net, loaded), *machine],
        ),
    )


_PICTURED = ("machine_cpu", "machine_memory")


def _charts_of_all(
    shown: Sequence[Subject], hosts: Sequence[Subject], loaded: Loaded, title: str
) -> list[Panels]:
    work = [_each(title_of(f), f, shown, loaded) for f in ("requests", "errors", "p95")]
    used = [_each(title_of(f), f, shown, loaded) for f in ("cpu", "memory")]
    machine = [_each(f"Machines: {title_of(f)}", f, hosts, loaded) for f in _PICTURED]
    return _pictures((f"{title} (UTC)", work), ("Resources (UTC)", [*used, *machine]))


def _pictures(*wanted: tuple[str, Sequence[Panel | None]]) -> list[Panels]:
    """Return the pictures that have anything to show."""
    there = ((title, [panel for panel in panels if panel is not None]) for title, panels in wanted)
    return [Panels(title=title, panels=panels) for title, panels in there if panels]


def _beside(subject: Subject, figure: str, loaded: Loaded) -> Panel | None:
    """Show a figure, and faintly what it was the week before."""
    lines = [Line(name="now", values=_told(subject.get(figure)))]
    if subject.get(figure, "week").is_there:
        week = _told(subject.get(figure, "week"))
        lines.append(Line(name="the week before", values=week, faint=True))
    there = lines if subject.get(figure).is_there else []
    return _panel(title_of(figure), unit_of(figure), there, loaded)


def _each(title: str, figure: str, subjects: Sequence[Subject], loaded: Loaded) -> Panel | None:
    """Show a figure of several, a line each."""
    there = [one for one in subjects if one.get(figure).is_there][:MOST_LINES]
    lines = [Line(name=one.name, values=_told(one.get(figure))) for one in there]
    return _panel(title, unit_of(figure), lines, loaded)


def _panel(title: str, unit: Unit, lines: Sequence[Line], loaded: Loaded) -> Panel | None:
    if not lines:
        return None
    title = f"{title} (cores)" if unit is Unit.CORES else title
    return Panel(title=title, unit=unit, times=loaded.times.tolist(), lines=lines)


def _told(course: Course) -> list[float]:
    return [float(value) for value in course.points]


def _raw(found: Sequence[Subject], hosts: Sequence[Subject]) -> list[list[str]]:
    """One row for each figure of each service and machine; in base units, all digits."""
    rows = [["of", "name", "figure", "unit", "now", "peak", "before", "week_before", "metric"]]
    for kind, subjects, figures in (
        ("service", found, SHOWN),
        ("machine", hosts, tuple(MACHINE_FIGURES)),
    ):
        for one in subjects:
            for figure in figures:
                if figure in one.courses:
                    course = one.get(figure)
                    values = [course.whole, course.peak]
                    values += [one.whole(figure, period) for period in EARLIER]
                    cells = ["" if value != value else f"{value:.10g}" for value in values]
                    name = figure.removeprefix("machine_")
                    rows.append(
                        [kind, one.name, name, unit_of(figure).value, *cells, one.sources[figure]]
                    )
    return rows


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _or(value: float, otherwise: float) -> float:
    return otherwise if value != value else value


def _sum(values: Iterable[float]) -> float:
    return sum(value for value in values if value == value)
