"""The report on incidents: how many, how fast they were answered, which rules are noisy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.reports.cells import length
from bot.reports.report import Bars, Chart, Page, Report, Table, Window
from bot.reports.worth import NOTE, headline, picture, table, worth_of
from storage.model.alert import Severity
from storage.model.audit import AuditRow
from storage.model.incident import Incident
from storage.sql import audit, incidents

if TYPE_CHECKING:
    import pandas as pd

    from routing.flow.desks import Desks

_NAMED = re.compile(r'[{, ]alertname="((?:[^"\\]|\\.)*)"')
_TITLED = re.compile(r" [^ =]+=| and others \(| \([0-9]+ alerts\)$")
MOST_INCIDENTS = 100_000
MOST_RULES = 5
BUCKETS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One incident as the report sees it. Times aware UTC; `taken` and `over` None if not yet.

    rule:  the name of what it is about.  paged: how many times a person was asked.
    """

    number: int
    title: str
    rule: str
    severity: str
    category: str
    state: str
    opened: datetime
    taken: datetime | None
    by: str
    over: datetime | None
    steps: int
    verdict: str = ""


async def load(desks: Desks, window: Window, subject: str) -> list[Row]:  # noqa: ARG001
    """Read the incidents opened in the window and in the one before it."""
    async with desks.database.reading() as tx:
        found = await incidents.search(
            tx, since=window.before.start, until=window.end, limit=MOST_INCIDENTS
        )
        story = await audit.between(
            tx,
            window.before.start,
            desks.clock.utc_now() + timedelta(seconds=1),
            what=("acknowledged", "resolved", "step", "opened", "repeat"),
        )
    return rows_of(found, story)


def rows_of(found: Sequence[Incident], story: Sequence[AuditRow]) -> list[Row]:
    """Join incidents with their audit rows: when each was first taken, and how often it asked."""
    taken: dict[int, AuditRow] = {}
    steps: dict[int, int] = {}
    for line in story:
        if line.incident is None:
            continue
        if line.what == "acknowledged":
            taken.setdefault(line.incident, line)
        elif line.what in ("opened", "step", "repeat"):
            steps[line.incident] = steps.get(line.incident, 0) + 1
    return [
        Row(
            number=incident.id,
            title=incident.title,
            rule=_rule(incident),
            severity=incident.severity.value,
            category=incident.category.value,
            state=incident.status.value,
            opened=incident.opened_at,
            taken=taken[incident.id].at if incident.id in taken else None,
            by=taken[incident.id].actor if incident.id in taken else "",
            over=incident.resolved_at,
            steps=steps.get(incident.id, 0),
            verdict=incident.verdict.value if incident.verdict else "",
        )
        for incident in found
    ]


def _rule(incident: Incident) -> str:
    """Name the rule: the `alertname` of the group's key, or what the title begins with."""
    found = _NAMED.search(incident.group)
    if found is None:
        return _TITLED.split(incident.title)[0]
    return found[1].replace('\\"', '"').replace("\\\\", "\\")


def build(rows: Sequence[Row], window: Window) -> Page:
    """Judge the window beside the one before it."""
    import pandas as pd

    columns = [field for field in Row.__dataclass_fields__]
    frame = pd.DataFrame([asdict(row) for row in rows], columns=columns)
    for moment in ("opened", "taken", "over"):
        frame[moment] = pd.to_datetime(frame[moment], utc=True)
    frame["to_take"] = (frame["taken"] - frame["opened"]).dt.total_seconds()
    frame["to_end"] = (frame["over"] - frame["opened"]).dt.total_seconds()
    here = [row for row in rows if row.opened >= window.start]
    worth = worth_of([(row.rule, row.over is not None, row.verdict) for row in here])
    judged = headline(worth)
    now = frame[frame["opened"] >= pd.Timestamp(window.start)]
    before = frame[frame["opened"] < pd.Timestamp(window.start)]
    span = length((window.end - window.start).total_seconds())
    return Page(
        title=f"Alerts, last {span}",
        headline=_headline(now, before, span).removesuffix(".") + f"{judged}.",
        tables=(
            Table(title="By severity", rows=_by_severity(now, before)),
            Table(title="By state", rows=_counts(now, before, "state")),
            Table(title="By category", rows=_counts(now, before, "category")),
            Table(title="Noisiest rules", rows=_noisiest(now, before)),
            *([table(worth)] if judged else []),
        ),
        charts=(_chart(now, window, span), *([picture(worth, span)] if judged else [])),
        notes=(NOTE,) if judged else (),
        csv=_raw(now),
    )


def _headline(now: pd.DataFrame, before: pd.DataFrame, span: str) -> str:
    if now.empty:
        return f"No incident in the last {span} ({len(before)} in the {span} before)."
    critical = int((now["severity"] == Severity.CRITICAL.value).sum())
    still = int((now["state"] != "resolved").sum())
    speed = [
        _speed(now[column], what)
        for what, column in (("acknowledged", "to_take"), ("over", "to_end"))
        if now[column].notna().any()
    ]
    return (
        f"{_incidents(len(now))} in the last {span} ({len(before)} before), {critical} critical, "
        f"{still} still open{'; ' if speed else ''}{'; '.join(speed)}."
    )


def _speed(waits: pd.Series[float], what: str) -> str:
    """Say how many came so far, and how fast: those that did not are in no mean."""
    count, half = int(waits.notna().sum()), length(waits.median())
    return f"{count} {what} in {half}" if count == 1 else f"{count} {what}, half within {half}"


def _incidents(count: int) -> str:
    return f"{count} incident" if count == 1 else f"{count} incidents"


def _by_severity(now: pd.DataFrame, before: pd.DataFrame) -> list[list[str]]:
    """Count, and the mean time to acknowledge (MTTA) and to resolve (MTTR)."""
    rows = [
        ["severity", "incidents", "before", "open", "MTTA", "MTTA before", "MTTR", "MTTR before"]
    ]
    parts = [
        (s.value, now[now["severity"] == s], before[before["severity"] == s]) for s in Severity
    ]
    for name, here, there in [*parts, ("all", now, before)]:
        if len(here) or len(there) or name == "all":
            rows.append(
                [
                    name,
                    str(len(here)),
                    str(len(there)),
                    str(int((here["state"] != "resolved").sum())),
                    length(here["to_take"].mean()),
                    length(there["to_take"].mean()),
                    length(here["to_end"].mean()),
                    length(there["to_end"].mean()),
                ]
            )
    return rows


def _counts(now: pd.DataFrame, before: pd.DataFrame, column: str) -> list[list[str]]:
    here, there = now[column].value_counts(), before[column].value_counts()
    names = sorted(set(here.index) | set(there.index), key=lambda n: (-int(here.get(n, 0)), n))
    body = [[str(n), str(int(here.get(n, 0))), str(int(there.get(n, 0)))] for n in names]
    return [[column, "incidents", "before"], *body]


def _noisiest(now: pd.DataFrame, before: pd.DataFrame) -> list[list[str]]:
    """The rules with most incidents, and the share of theirs that a person took."""
    rows = [["rule", "incidents", "before", "acknowledged", "times asked"]]
    there = before["rule"].value_counts()
    for rule, count in now["rule"].value_counts().head(MOST_RULES).items():
        mine = now[now["rule"] == rule]
        share = f"{mine['taken'].notna().mean():.0%}"
        asked = str(int(mine["steps"].sum()))
        rows.append([str(rule), str(int(count)), str(int(there.get(rule, 0))), share, asked])
    return rows


def _chart(now: pd.DataFrame, window: Window, span: str) -> Chart:
    """Incidents over time, stacked by severity, in equal parts of the window."""
    width = (window.end - window.start) / BUCKETS
    starts = [window.start + width * index for index in range(BUCKETS)]
    form = "%H:%M" if window.end - window.start <= timedelta(days=2) else "%d %b"
    place = ((now["opened"] - window.start) / width).astype(int).clip(0, BUCKETS - 1)
    bars = []
    for severity in Severity:
        mine = place[now["severity"] == severity.value]
        if len(mine):
            counts = [float((mine == index).sum()) for index in range(BUCKETS)]
            bars.append(Bars(name=severity.value, values=counts))
    return Chart(
        title=f"Incidents opened, last {span} (UTC)",
        labels=[start.strftime(form) for start in starts],
        bars=bars,
        unit="incidents",
    )


def _raw(now: pd.DataFrame) -> list[list[str]]:
    head = ["number", "title", "rule", "severity", "category", "state"]
    moments = ["opened", "taken", "over"]
    rows = [[*head, *moments, "by", "seconds_to_acknowledge", "seconds_to_resolve", "asked"]]
    rows[0].append("verdict")
    for row in now.sort_values("number").to_dict("records"):
        cells = [str(row[name]) for name in head]
        cells += ["" if row[m] is None or row[m] != row[m] else row[m].isoformat() for m in moments]
        waits = [row["to_take"], row["to_end"]]
        cells += [str(row["by"]), *("" if w != w else f"{w:.0f}" for w in waits), str(row["steps"])]
        cells.append(str(row["verdict"]))
        rows.append(cells)
    return rows


REPORT = Report(
    name="alerts",
    summary="incidents, times to acknowledge and resolve, noisiest rules",
    load=load,
    build=build,
)
