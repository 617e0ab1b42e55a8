"""Prometheus' HTTP API over our own numbers and rules: for Grafana, promtool and other clients.

What is answered, and what is not, stands in docs/prometheus-api.md.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from importlib.metadata import version
from math import floor

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.ingest.format import TooLarge
from bot.web import prometheus_json as written
from bot.web.auth import Readers
from bot.web.parts import Parts
from bot.web.prometheus_asked import (
    Asked,
    BadData,
    described,
    invalid,
    merged,
    read_asked,
    unescaped,
)
from bot.web.prometheus_rules import alerts_as_json, groups_as_json
from storage.errors import BotError, MetricsUnavailable, QueryError, StorageUnavailable
from storage.model.labels import Labels
from storage.promql.evaluate import Value
from storage.promql.parse import laid_out, parse
from storage.promql.plan import LOOKBACK_MS, MOST_STEPS
from storage.promql.tree import Kind, kind
from storage.promql.values import Matrix, Vector

LOOKBACK = LOOKBACK_MS / 1000
"""Seconds for which the newest sample of a series counts."""
LONGEST = 120.0
"""Seconds that a query may take, its answer sent; `timeout` may ask for less."""
AT_ONCE = 20
"""Queries that are answered at once; others wait, for as long as their timeout allows."""
FEW = 5_000
"""Points that are written on the event loop itself: under two milliseconds."""
ALWAYS = -9e10, 9e10
"""Unix seconds from before to after everything: what `/series` looks at unless told."""
SPOKEN = "3.5.0"
"""The Prometheus whose API and language are spoken; clients choose their requests by it."""

Answer = Callable[[Asked], Awaitable[Response]]


def routes(parts: Parts) -> list[Route]:
    """Return the routes."""
    api, readers = Numbers(parts), Readers(parts)
    both, get = ["GET", "POST"], ["GET"]
    answers: dict[str, tuple[Answer, list[str]]] = {
        "query": (api.query, both),
        "query_range": (api.query_range, both),
        "query_exemplars": (api.query_exemplars, both),
        "series": (api.series, both),
        "labels": (api.labels, both),
        "format_query": (api.format_query, both),
        "metadata": (api.metadata, get),
        "rules": (api.rules, get),
        "alerts": (api.alerts, get),
        "status/buildinfo": (api.buildinfo, get),
    }
    found = [
        Route(f"/api/v1/{name}", _answering(answer, readers), methods=methods)
        for name, (answer, methods) in answers.items()
    ]
    values = Route("/api/v1/label/{name}/values", _of_label(api, readers), methods=get)
    return [*found, values]


def _answering(answer: Answer, readers: Readers) -> Callable[[Request], Awaitable[Response]]:
    """Wrap an answer: who asks, what for, and its errors as Prometheus tells them."""

    async def respond(request: Request) -> Response:
        try:
            readers.admit(request)
            return await answer(await read_asked(request))
        except HTTPException as error:
            kind = "unauthorized" if error.status_code == 401 else "forbidden"
            return _failed(error.status_code, kind, error.detail, error.headers)
        except (BotError, TimeoutError) as error:
            return _failed(*_told(error))
        except ClientDisconnect:
            return _failed(499, "canceled", "the client went away")

    return respond


def _of_label(api: "Numbers", readers: Readers) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        name = request.path_params["name"]
        return await _answering(lambda asked: api.label_values(name, asked), readers)(request)

    return respond


def _told(error: BotError | TimeoutError) -> tuple[int, str, str]:
    match error:
        case BadData():
            return 400, "bad_data", str(error)
        case TooLarge():
            return 413, "bad_data", str(error)
        case QueryError():
            return 422, "execution", str(error)
        case MetricsUnavailable() | StorageUnavailable():
            return 503, "unavailable", str(error)
        case TimeoutError():
            return 503, "timeout", "query timed out in expression evaluation"
    return 500, "internal", str(error)


def _failed(status: int, kind: str, text: str, headers: object = None) -> Response:
    more = dict(headers) if isinstance(headers, dict) else {}
    return _json(written.failure(kind, text), status, more)


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status_code=status, headers=headers, media_type="application/json")


class Numbers:
    """The answers."""

    def __init__(self, parts: Parts) -> None:
        self._metrics = parts.numbers or parts.desks.metrics
        self._clock, self._judging = parts.desks.clock, parts.judging
        self._places = asyncio.Semaphore(AT_ONCE)

    async def query(self, asked: Asked) -> Response:
        """Answer at one moment, in the query's own type."""
        text, at = asked.text("query"), asked.time("time", self._now())
        limit = asked.limit()

        async def work() -> tuple[Value, bool]:
            return _limited(await self._metrics.raw(text, at), limit)

        return await self._queried(text, work, at, asked, of_range=False)

    async def query_range(self, asked: Asked) -> Response:
        """Answer over a grid of moments."""
        text, limit = asked.text("query"), asked.limit()
        start, end = asked.time("start"), asked.time("end")
        if end < start:
            raise invalid("end", "end timestamp must not be before start time")
        step = asked.duration("step")
        if step <= 0:
            hint = "zero or negative query resolution step widths are not accepted"
            raise invalid("step", f"{hint}. Try a positive integer")
        step = max(0.001, round(step, 3))
        if floor((end - start) / step) > MOST_STEPS:
            raise BadData(
                f"exceeded maximum resolution of {MOST_STEPS:,} points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )

        async def work() -> tuple[Value, bool]:
            return _limited(await self._metrics.range(text, start, end, step), limit)

        return await self._queried(text, work, start, asked, of_range=True)

    async def query_exemplars(self, _asked: Asked) -> Response:
        """Answer that there are none: exemplars are not stored."""
        return _json(written.success([]))

    async def format_query(self, asked: Asked) -> Response:
        """Answer the query as it is to be laid out."""
        try:
            return _json(written.success(laid_out(asked.text("query"))))
        except QueryError as error:
            raise invalid("query", str(error)) from error

    async def series(self, asked: Asked) -> Response:
        """Answer the label sets of the series that match and have samples in the time asked for."""
        chosen, limit = asked.matchers(needed=True), asked.limit()
        start, end = asked.time("start", ALWAYS[0]), asked.time("end", ALWAYS[1])
        if end < start:
            raise invalid("end", "end timestamp must not be before start time")
        found: dict[Labels, None] = {}
        async with asyncio.timeout(LONGEST), self._places:
            for matchers in chosen:
                # Prometheus' window is closed on both sides; ours is open at the start.
                told = await self._metrics.series(matchers, start - 0.001, end)
                found.update(dict.fromkeys(told))
        return await _listed(tuple(found), limit)

    async def labels(self, asked: Asked) -> Response:
        """Answer label names, of everything stored or of what matches."""
        limit, chosen = asked.limit(), asked.matchers() or [()]
        async with asyncio.timeout(LONGEST), self._places:
            found = [await self._metrics.label_names(matchers) for matchers in chosen]
            names = await asyncio.to_thread(merged, found)
        return await _listed(names, limit)

    async def label_values(self, name: str, asked: Asked) -> Response:
        """Answer the values of one label, of everything stored or of what matches."""
        name = unescaped(name)
        if not name or "\x00" in name:
            raise BadData(f'invalid label name: "{name}"')
        limit, chosen = asked.limit(), asked.matchers() or [()]
        async with asyncio.timeout(LONGEST), self._places:
            found = [await self._metrics.label_values(name, matchers) for matchers in chosen]
            values = await asyncio.to_thread(merged, found)
        return await _listed(values, limit)

    async def metadata(self, asked: Asked) -> Response:
        """Answer the types and texts of metrics, as far as their senders told them."""
        return _json(written.success(described(await self._metrics.metadata(), asked)))

    async def rules(self, asked: Asked) -> Response:
        """Answer the rules in force and what they say."""
        groups, token = groups_as_json(self._judging().groups, asked)
        return _json(
            written.success({"groups": groups, **({"groupNextToken": token} if token else {})})
        )

    async def alerts(self, _asked: Asked) -> Response:
        """Answer every alert that is pending or firing."""
        return _json(written.success({"alerts": alerts_as_json(self._judging().groups)}))

    async def buildinfo(self, _asked: Asked) -> Response:
        """Answer which Prometheus is spoken, and which Tocsin speaks it."""
        tocsin = f"tocsin-{version('tocsin')}"
        told = {"version": SPOKEN, "revision": tocsin, "branch": "", "buildUser": "tocsin"}
        return _json(written.success({**told, "buildDate": "", "goVersion": ""}))

    def _now(self) -> float:
        return round(self._clock.utc_now().timestamp(), 3)

    async def _queried(
        self,
        query: str,
        work: Callable[[], Awaitable[tuple[Value, bool]]],
        at: float,
        asked: Asked,
        *,
        of_range: bool,
    ) -> Response:
        """Evaluate within the time allowed, then write: small answers here, others in a thread."""
        if asked.text("lookback_delta") and asked.duration("lookback_delta") != LOOKBACK:
            raise invalid("lookback_delta", f"only {LOOKBACK:g} seconds are answered here")
        seconds = min(asked.duration("timeout", LONGEST), LONGEST)
        try:
            async with asyncio.timeout(seconds), self._places:
                value, truncated = await work()
        except QueryError as error:
            raise _fault(query, error, of_range=of_range) from error
        pieces = written.write(value, at, truncated=truncated)
        return await _sent(pieces, written.points_of(value))


async def _sent(pieces: Iterator[bytes], points: int) -> Response:
    """Answer with pieces that are still to be written: few points here, many in a thread."""
    if points <= FEW:
        return _json(b"".join(pieces))
    # The first piece comes before the headers: what fails then is still told as an error.
    first = await asyncio.to_thread(next, pieces, b"")

    async def rest() -> AsyncIterator[bytes]:
        piece = first
        while piece:
            yield piece
            piece = await asyncio.to_thread(next, pieces, b"")

    return StreamingResponse(rest(), media_type="application/json")


def _fault(query: str, error: QueryError, *, of_range: bool) -> BotError:
    """Say whether the query could be read at all: bad data, or failed while it was executed."""
    try:
        found = kind(parse(query))
    except QueryError as unreadable:
        return invalid("query", str(unreadable))
    if of_range and found in (Kind.TEXT, Kind.RANGE):
        name = "range vector" if found is Kind.RANGE else "string"
        return invalid(
            "query",
            f'invalid expression type "{name}" for range query, must be Scalar or instant Vector',
        )
    return error


def _limited(value: Value, limit: int) -> tuple[Value, bool]:
    """Return at most so many series, and whether some were left out; 0: all."""
    match value:
        case Vector() if 0 < limit < len(value.labels):
            part = value.labels[:limit], value.values[:limit], value.present[:limit]
            return Vector(*part), True
        case Matrix() if 0 < limit < len(value.labels):
            order = sorted(range(len(value.labels)), key=value.labels.__getitem__)[:limit]
            labels = tuple(value.labels[row] for row in order)
            return Matrix(labels, value.times, value.values[order], value.present[order]), True
    return value, False


async def _listed(rows: Sequence[str] | Sequence[Labels], limit: int) -> Response:
    """Answer a list of names or label sets, cut at `limit`."""
    truncated = 0 < limit < len(rows)
    chosen = rows[: limit or None]
    return await _sent(written.listing(chosen, truncated=truncated), 8 * len(chosen))
