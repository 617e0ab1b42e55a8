"""Answers queries by any Prometheus-compatible HTTP API: Prometheus, VictoriaMetrics, Mimir."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp

from storage.errors import ConfigError, MetricsUnavailable, QueryError
from storage.metrics.remote_read import Answer, read_answer
from storage.model.labels import Labels, Matcher
from storage.promql.evaluate import Value
from storage.promql.plan import Grid, Steps
from storage.promql.values import Matrix, Scalar, Vector

LARGEST = 256 << 20
"""Bytes of one answer; larger ones are refused."""
SMALL = 64 << 10
"""Bytes that are read on the event loop itself: about a millisecond."""
FEW = 20_000
"""Points that are put in their places on the event loop itself."""
CONNECTIONS = 16
MOST_TOLD = 500
"""Characters of a remote's error that are told."""

WHOLE: Mapping[str, str] = {
    "nocache": "1",  # VictoriaMetrics: neither moves the grid nor hides the newest samples
    "partial_response": "false",  # Thanos: rather no answer than one with parts missing
    "deny_partial_response": "1",  # VictoriaMetrics' cluster, the same
}
"""What asks for exact and whole answers; who does not know these words passes over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOptions:
    """Where the numbers are.

    url:     in front of `/api/v1/query`, e.g. `http://mimir:8080/prometheus`.
    headers: sent along with every request, the authorization among them; never told.
    ca_file: certificates by which the remote is known; None: those of the system.
    timeout: seconds for one answer.
    secrets: what is struck out of an answer before it is told: some repeat what they were sent.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    ca_file: Path | None = None
    timeout: float = 30.0


class RemoteMetrics:
    """The `Metrics` port over HTTP. To be closed in the loop that used it.

    What the remote calls wrong with the query is a QueryError; an answer that does not come, or
    is not whole, is MetricsUnavailable: nothing is concluded from it.
    """

    def __init__(self, options: RemoteOptions) -> None:
        self._options = options
        self.name = self.name_of(options.url)
        self._tls = trusted(options.ca_file)
        self._session: aiohttp.ClientSession | None = None

    @staticmethod
    def name_of(url: str) -> str:
        """Return what a remote is called: its host, and its port where one is given."""
        place = urlsplit(url)
        return f"{place.hostname}:{place.port}" if place.port else str(place.hostname)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def instant(self, query: str, at: float) -> Vector:
        """Answer at one moment; a number becomes a vector of one series without labels."""
        match await self.raw(query, at):
            case Vector() as vector:
                return vector
            case Scalar(values):
                return Vector.of((Labels(),), values)
        raise QueryError(f"{query}: an instant vector or a number is needed here")

    async def range(self, query: str, start: float, end: float, step: float) -> Matrix:
        """Answer at start, start + step, ... up to end; a number becomes one series."""
        grid = Grid(start, end, step)
        times = Steps.of(grid).times / 1000.0
        wanted = str(step) if step else "1"
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": wanted}
        answer = await self._ask("query_range", {**asked, **self._patience()})
        if answer.kind != "matrix":
            raise MetricsUnavailable(f"{self.name}: a range was asked for, {answer.kind!r} came")
        try:
            if len(answer.rows) * len(times) <= FEW:
                return answer.matrix(times, step or 1.0)
            return await asyncio.to_thread(answer.matrix, times, step or 1.0)
        except ValueError as error:
            raise MetricsUnavailable(f"{self.name}: {error}") from error

    async def raw(self, query: str, at: float) -> Value:
        """Answer at one moment in the query's own type: see `evaluate`."""
        answer = await self._ask("query", {"query": query, "time": f"{at:.3f}", **self._patience()})
        match answer.kind:
            case "vector":
                return answer.vector()
            case "matrix":
                return answer.samples()
            case "scalar":
                return answer.number()
            case "string":
                return answer.text()
        raise MetricsUnavailable(f"{self.name}: the answer is of the unknown type {answer.kind!r}")

    async def series(
        self, matchers: Sequence[Matcher], start: float, end: float
    ) -> tuple[Labels, ...]:
        """Return the series that match and have a sample in (start, end]."""
        span = {"start": f"{max(0.0, start + 0.001):.3f}", "end": f"{end:.3f}"}
        found = await self._ask("series", {**span, **_matching(matchers)})
        return tuple(Labels.of(each) for each in found.plain or ())

    async def label_names(self, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the label names of matching series, sorted."""
        return tuple(sorted((await self._ask("labels", _matching(matchers))).plain or ()))

    async def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the values of one label of matching series, sorted."""
        path = f"label/{quote(name, safe='')}/values"
        found = await self._ask(path, _matching(matchers), method="GET")
        return tuple(sorted(found.plain or ()))

    async def metadata(self) -> Mapping[str, Mapping[str, str]]:
        """Return what senders told of metrics: name -> {"type", "help", "unit"}."""
        found = await self._ask("metadata", {}, method="GET")
        return {name: told[0] for name, told in (found.plain or {}).items() if told}

    def _patience(self) -> dict[str, str]:
        return {"timeout": f"{self._options.timeout:g}s"}

    async def _ask(self, path: str, asked: Mapping[str, str], method: str = "POST") -> Answer:
        """Ask, and read the answer; raises QueryError, MetricsUnavailable."""
        url, fields = f"{self._options.url.rstrip('/')}/api/v1/{path}", {**asked, **WHOLE}
        form, params = (fields, None) if method == "POST" else (None, fields)
        try:
            async with self._opened().request(
                method, url, data=form, params=params, allow_redirects=False
            ) as got:
                status, body = got.status, await self._body(got)
        except TimeoutError as error:
            seconds = self._options.timeout
            raise MetricsUnavailable(f"{self.name}: no answer within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise MetricsUnavailable(f"{self.name}: {_reason(error)}") from error
        try:
            answer = await self._read(body)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise MetricsUnavailable(f"{self.name}: {self._odd(status, body)}") from error
        return self._checked(status, answer)

    def _checked(self, status: int, answer: Answer) -> Answer:
        if status == 200 and answer.status == "success":
            if answer.is_partial:
                raise MetricsUnavailable(f"{self.name}: the answer is partial")
            return answer
        text = f"{self.name}: {self._clean(answer.error)[:MOST_TOLD] or f'status {status}'}"
        if status in (400, 422):
            raise QueryError(text)
        raise MetricsUnavailable(text)

    def _odd(self, status: int, body: bytes) -> str:
        """Say what came in place of an answer."""
        if status in (401, 403):
            return f"status {status}: it refuses our credentials"
        if 300 <= status < 400:
            return f"status {status}: it sends us elsewhere; give the address where it leads"
        start = self._clean(body[:MOST_TOLD].decode("utf-8", "replace"))[:80].strip()
        return f"status {status} and no answer of Prometheus' HTTP API: {start!r}"

    def _clean(self, text: str) -> str:
        for secret in self._options.secrets:
            text = text.replace(secret, "<secret>")
        return text

    async def _read(self, body: bytes) -> Answer:
        if len(body) <= SMALL:
            return read_answer(body)
        return await asyncio.to_thread(read_answer, body)

    async def _body(self, got: aiohttp.ClientResponse) -> bytes:
        pieces, size = [], 0
        async for piece in got.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                got.close()
                raise QueryError(
                    f"{self.name}: the answer has over {LARGEST >> 20} MiB; take a longer step, "
                    "a shorter range or fewer series"
                )
        return b"".join(pieces)

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session; opened when first needed, in the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._options.headers,
                timeout=aiohttp.ClientTimeout(total=self._options.timeout),
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=self._tls or True),
            )
        return self._session


def _matching(matchers: Sequence[Matcher]) -> dict[str, str]:
    return {"match[]": f"{{{','.join(map(str, matchers))}}}"} if matchers else {}


def trusted(ca_file: Path | None) -> ssl.SSLContext | None:
    """Return what certificates are held against; None: the system's. Raises ConfigError."""
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{ca_file}: no certificates can be read there: {error}") from error


def _reason(error: Exception) -> str:
    """Say why there is no answer; an address with a password in it is not told."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot be reached: {error.os_error.strerror or type(error.os_error).__name__}"
    return f"the connection failed: {type(error).__name__}"
