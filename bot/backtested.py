"""What a backtest found: asked for by people, told in sentences, as a table and as JSON."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from routing.flow.backtest import Backtest, Comparison, Tried
from routing.flow.desks import Desks
from routing.oncall.expand import Roster
from routing.rules.rule import RuleGroup
from routing.rules.would_page import WouldPage
from storage.errors import QueryError, nearest
from storage.model.labels import NAME
from storage.sql import overrides
from storage.units import human_duration

MONTH: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=400)
HEAD: Final = ("rule", "series", "fired", "in all")

Table = tuple[tuple[str, ...], ...]


async def backtest(
    desks: Desks, groups: Sequence[RuleGroup], since: timedelta, name: str = ""
) -> tuple[Comparison, ...]:
    """Try the rules (those called `name`) on the last `since`, beside those in force.

    Raises QueryError where that cannot be asked, MetricsUnavailable where it takes too long.
    """
    check(groups, since, name)
    now = desks.clock.utc_now()
    async with desks.database.reading() as tx:
        running = await overrides.active(tx, now)
    roster = Roster(playbook=desks.playbook(), overrides=running, now=now)
    trial = Backtest(metrics=desks.metrics, roster=roster, start=now - since, end=now)
    return await trial.compare(groups, desks.rules(), name)


def check(groups: Sequence[RuleGroup], since: timedelta, name: str = "") -> None:
    """Raise QueryError where these rules cannot be tried on the last `since`."""
    if not timedelta(0) < since <= LONGEST:
        raise QueryError(f"A backtest looks back up to {LONGEST.days}d, such as 30d.")
    names = sorted({rule.name for group in groups for rule in group.rules if not rule.records})
    if not names:
        raise QueryError("There is no alerting rule to try.")
    if name and name not in names:
        raise QueryError(f"No alerting rule is called {name[:100]!r}; {nearest(name, names)}")


def told(found: Sequence[Comparison], since: timedelta) -> str:
    """Write what was found, a paragraph for each rule."""
    return "\n\n".join("\n".join(_paragraph(one, since)) for one in found)


def _paragraph(found: Comparison, since: timedelta) -> list[str]:
    tried, other = found.tried, found.in_force
    lines = [
        f"{tried.rule.name}{' (in the shadow)' if tried.rule.shadow else ''}, "
        f"the last {human_duration(since)}:",
        f"  {_counted(tried)}",
    ]
    if other is None:
        lines.append("  No rule of this name is in force.")
    elif other is not tried:
        lines.append(f"  The rule in force: {_lower(_counted(other))}")
    lines += [f"  Would have paged {_page(page)}" for page in tried.pages]
    return [*lines, *(f"  Note: {note}." for note in tried.notes)]


def _counted(tried: Tried) -> str:
    figures = tried.figures
    if not figures.fired:
        return "Never fired."
    times = "once" if figures.fired == 1 else f"{figures.fired} times"
    text = f"Fired {times}, {human_duration(figures.total)} in all"
    if figures.fired > 1:
        text += f", the longest {human_duration(figures.longest)}"
    return f"{text}; {figures.firing_now} still firing." if figures.firing_now else f"{text}."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _page(page: WouldPage) -> str:
    people = ", ".join(page.people) or "nobody"
    ways = f" by {', '.join(page.ways)}" if page.ways else ""
    times = "once" if page.times == 1 else f"{page.times} times"
    return f"{people}{ways} {times}: policy {page.policy}, {page.severity}."


def table(found: Sequence[Comparison]) -> Table:
    """Return the series that fired longest, of every rule; nothing where none fired."""
    rows = tuple(
        (
            one.tried.rule.name,
            str(series.without(NAME)),
            str(count),
            human_duration(total),
        )
        for one in found
        for series, count, total in one.tried.figures.series
    )
    return (HEAD, *rows) if rows else ()


def as_json(found: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Write what was found for programs; spans in seconds, times in ISO 8601, UTC."""
    return [
        {
            **_tried(one.tried),
            "in_force": None if one.in_force is None else _tried(one.in_force),
        }
        for one in found
    ]


def _tried(tried: Tried) -> dict[str, Any]:
    figures = tried.figures
    return {
        "rule": tried.rule.name,
        "where": tried.rule.where,
        "shadow": tried.rule.shadow,
        "every_seconds": tried.pace.total_seconds(),
        "fired": figures.fired,
        "firing_now": figures.firing_now,
        "total_seconds": figures.total.total_seconds(),
        "longest_seconds": figures.longest.total_seconds(),
        "series": [
            {"labels": dict(labels), "fired": count, "total_seconds": total.total_seconds()}
            for labels, count, total in figures.series
        ],
        "pages": [
            {
                "policy": page.policy,
                "severity": page.severity,
                "times": page.times,
                "people": list(page.people),
                "ways": list(page.ways),
            }
            for page in tried.pages
        ],
        "episodes": [
            {
                "labels": dict(episode.series),
                "start": episode.start.isoformat(),
                "end": _iso(episode.end),
                "peak": repr(episode.peak),
            }
            for episode in tried.episodes[:1_000]
        ],
        "notes": list(tried.notes),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
