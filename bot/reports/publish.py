"""Make a report on demand: load here, build and draw in the worker, hand back an answer."""

import asyncio
import json
import pickle
import sys
from collections.abc import Sequence
from datetime import timedelta

from bot import reports
from bot.chat.verb import Attachment, Reply
from bot.reports.cells import as_csv, as_markdown
from bot.reports.report import Report, Window
from bot.reports.worker import LENGTH, Built, Job
from routing.flow.desks import Desks
from routing.plugins import collect
from storage.errors import BotError, nearest

PATIENCE = 60.0
"""Seconds that a report may take before it is given up."""
KEPT_WARM = 120.0
"""Seconds that an idle worker is kept: the second report of a conversation comes at once."""
LONGEST = timedelta(days=366)


class ReportFailed(BotError):
    """The report could not be made; says why in words fit for the person who asked."""


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


async def make(
    name: str, period: timedelta, desks: Desks, *, formats: Sequence[str] = ("png", "csv")
) -> Reply:
    """Make report `name` over the last `period`.

    formats: what to attach, of `png`, `csv`, `md`, `json`. Raises ReportFailed, also for a name
    that no report has, with the nearest guess.
    """
    known = collect(reports, Report)
    if name not in known:
        hint = nearest(name, known)
        raise ReportFailed(f"no report is called {name!r}; {hint}known: {', '.join(sorted(known))}")
    if not timedelta(minutes=1) <= period <= LONGEST:
        raise ReportFailed(f"a report covers between 1m and {LONGEST.days}d")
    now = desks.clock.utc_now()
    window = Window(start=now - period, end=now)
    loaded = await known[name].load(desks, window)
    built = await WORKER.build(Job(report=name, loaded=loaded, window=window))
    made = [_attach(name, kind, built) for kind in formats]
    return Reply(
        f"{built.page.title}\n{built.page.headline}",
        table=built.page.tables[0].rows,
        attachments=[attachment for kind in made for attachment in kind],
        public=True,
    )


def _attach(name: str, kind: str, built: Built) -> list[Attachment]:
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
    parts = [f"# {page.title}", page.headline]
    for table in page.tables:
        parts += [f"## {table.title}", as_markdown(table.rows)]
    return "\n\n".join(parts) + "\n"


def _json(built: Built) -> str:
    page = built.page
    return json.dumps(
        {
            "title": page.title,
            "headline": page.headline,
            "tables": {table.title: _records(table.rows) for table in page.tables},
            "rows": _records(page.csv),
        },
        indent=2,
    )


def _records(rows: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    head, *body = rows
    return [dict(zip(head, row, strict=True)) for row in body]
