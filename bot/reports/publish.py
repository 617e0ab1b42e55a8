"""Make a report on demand: load here, build and draw in the worker, hand back an answer."""

import asyncio
import json
import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite

from bot import reports as package
from bot.chat.verb import Attachment, Reply
from bot.reports.amounts import scale
from bot.reports.cells import as_csv, as_markdown
from bot.reports.report import Page, Panel, Panels, Report, ReportFailed, Window
from bot.reports.worker import LENGTH, Built, Job
from routing.delivery.report import Curve, File, Finished, Plot, Table
from routing.flow.desks import Desks
from routing.plugins import collect
from storage.errors import nearest
from storage.units import parse_duration

PATIENCE = 60.0
"""Seconds that a report may take before it is given up."""
KEPT_WARM = 120.0
"""Seconds that an idle worker is kept: the second report of a conversation comes at once."""
LONGEST = timedelta(days=366)


class Worker:
    """The worker process: started when first asked, ended after a while of idleness."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._retire: asyncio.TimerHandle | None = None

    async def build(self, job: Job) -> Built:
        """Have one job done; raises ReportFailed."""
        async with self._turn:
            if self._retire:
                self._retire.cancel()
            try:
                answer = await asyncio.wait_for(self._ask(job), PATIENCE)
            except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
                self.end()
                raise ReportFailed("the report took too long or its worker died") from error
            except asyncio.CancelledError:
                self.end()
                raise
            self._retire = asyncio.get_running_loop().call_later(KEPT_WARM, self.end)
        if isinstance(answer, str):
            raise ReportFailed(f"the report failed: {answer}")
        return answer

    async def _ask(self, job: Job) -> Built | str:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                # Not `-m`: what is pickled must name the module and not `__main__`.
                "from bot.reports.worker import main; main()",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        body = pickle.dumps(job)
        into.write(LENGTH.pack(len(body)) + body)
        await into.drain()
        (size,) = LENGTH.unpack(await out.readexactly(LENGTH.size))
        answer: Built | str = pickle.loads(await out.readexactly(size))
        return answer

    def end(self) -> None:
        """End the process, if one runs; it holds nothing that must be saved."""
        if self._retire:
            self._retire.cancel()
            self._retire = None
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        self._process = None

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        process = self._process
        self.end()
        if process is not None:
            await process.wait()


WORKER = Worker()
"""The one of this process; `close` it at shutdown."""


FORMATS = ("png", "csv", "md", "json")
"""What can be attached to an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to know: a report, about what, over which last period.

    subject: such as a service's name; empty: about all.
    """

    report: str
    period: timedelta = timedelta(days=1)
    subject: str = ""


def reports() -> dict[str, Report]:
    """Return every report there is, by name."""
    return collect(package, Report)


def read_order(words: Sequence[str], period: timedelta | None = None) -> tuple[Order, list[str]]:
    """Read `performance checkout 24h json` -> the order, and the formats that were named.

    period: where it was said elsewhere. Raises ReportFailed, with the nearest guess.
    """
    known, formats, subject = reports(), list[str](), ""
    if not words:
        raise ReportFailed(f"Which report? {', '.join(f'`report {name}`' for name in known)}.")
    name = words[0].lower()
    if name not in known:
        hint = nearest(name, known)
        raise ReportFailed(f"no report is called {name!r}; {hint}known: {', '.join(sorted(known))}")
    for word in words[1:]:
        if word.lower() in FORMATS:
            formats.append(word.lower())
        elif period is None and (span := _period(word)) is not None:
            period = span
        elif known[name].subject and not subject:
            subject = word
        else:
            takes = f"a {known[name].subject}, " if known[name].subject else ""
            raise ReportFailed(
                f"I do not understand {word[:60]!r}; `report {name}` takes {takes}a duration such "
                f"as 24h, and what to attach: {', '.join(FORMATS)}"
            )
    order = Order(report=name, period=period or timedelta(days=1), subject=subject)
    if not timedelta(minutes=1) <= order.period <= LONGEST:
        raise ReportFailed(f"a report covers between 1m and {LONGEST.days}d")
    return order, formats


def _period(word: str) -> timedelta | None:
    with suppress(ValueError):
        return None if word.isdigit() else parse_duration(word.lower())
    return None


async def built(order: Order, desks: Desks, end: datetime | None = None) -> Built:
    """Make a report. end: of its period, aware UTC; now unless said. Raises BotError."""
    end = end or desks.clock.utc_now()
    window = Window(start=end - order.period, end=end)
    loaded = await reports()[order.report].load(desks, window, order.subject)
    return await WORKER.build(Job(report=order.report, loaded=loaded, window=window))


async def make(order: Order, desks: Desks, *, formats: Sequence[str] = ("png", "csv")) -> Reply:
    """Make a report and answer with it. formats: what to attach, of FORMATS. Raises BotError."""
    made = await built(order, desks)
    return Reply(
        words(made.page),
        table=made.page.tables[0].rows,
        attachments=[one for kind in formats for one in attached(order.report, kind, made)],
        public=True,
    )


def finished(order: Order, made: Built, *, at: datetime, notes: Sequence[str] = ()) -> Finished:
    """Return a report as channels take it. at: when it was made, aware UTC."""
    page = made.page
    files = {kind: attached(order.report, kind, made) for kind in ("png", "csv")}
    return Finished(
        title=page.title,
        headline=page.headline,
        notes=(*notes, *page.notes),
        tables=tuple(
            Table(title=table.title, rows=tuple(map(tuple, table.rows))) for table in page.tables
        ),
        plots=tuple(
            plot_of(panel)
            for chart in page.charts
            if isinstance(chart, Panels)
            for panel in chart.panels
        ),
        pictures=tuple(map(_file, files["png"])),
        files=tuple(map(_file, files["csv"])),
        at=at,
    )


def plot_of(panel: Panel) -> Plot:
    """Return a panel as numbers in the unit that its axis names."""
    factor, unit = scale(panel.unit, [v for line in panel.lines for v in line.values])
    return Plot(
        title=panel.title,
        unit=unit,
        times=tuple(panel.times),
        curves=tuple(
            Curve(
                name=line.name,
                values=tuple(v * factor if isfinite(v) else None for v in line.values),
                faint=line.faint,
            )
            for line in panel.lines
        ),
        limit=panel.limit * factor if panel.limit is not None else None,
    )


def _file(attachment: Attachment) -> File:
    return File(name=attachment.name, media_type=attachment.media_type, content=attachment.content)


def words(page: Page) -> str:
    """Return what a page says in sentences."""
    return "\n".join([page.title, page.headline, *page.notes])


def attached(name: str, kind: str, built: Built) -> list[Attachment]:
    """Write a report in one of FORMATS."""
    page = built.page
    match kind:
        case "png":
            return [
                Attachment(
                    name=f"report-{name}-{number}.png", media_type="image/png", content=picture
                )
                for number, picture in enumerate(built.pictures, start=1)
            ]
        case "csv":
            body, media = as_csv(page.csv), "text/csv"
        case "md":
            body, media = _markdown(built).encode(), "text/markdown"
        case _:
            body, media = _json(built).encode(), "application/json"
    return [Attachment(name=f"report-{name}.{kind}", media_type=media, content=body)]


def _markdown(built: Built) -> str:
    page = built.page
    parts = [f"# {page.title}", page.headline, *page.notes]
    for table in page.tables:
        parts += [f"## {table.title}", as_markdown(table.rows)]
    return "\n\n".join(parts) + "\n"


def _json(built: Built) -> str:
    page = built.page
    return json.dumps(
        {
            "title": page.title,
            "headline": page.headline,
            "notes": list(page.notes),
            "tables": {table.title: _records(table.rows) for table in page.tables},
            "rows": _records(page.csv),
        },
        indent=2,
    )


def _records(rows: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    head, *body = rows
    return [dict(zip(head, row, strict=True)) for row in body]
