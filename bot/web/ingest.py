"""Mounts every ingest format: who may send, what, how much; 2xx means that it survives a kill."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import bot.ingest
from bot.ingest.format import BadPayload, Decode, IngestFormat, TooLarge
from bot.ingest.gzipped import gunzip
from bot.ingest.json_body import MOST_OF_SAMPLES, Values
from bot.web.auth import Tokens, is_loopback, require_loopback
from bot.web.parts import Parts
from routing.plugins import collect
from storage.model.sample import Appended, Batch

log = structlog.get_logger(__name__)

ANYBODY = "local"
"""The source of samples that come over loopback without a token."""
SOURCE_HEADER = "x-tocsin-source"
SOON = {"Retry-After": "1"}
IN_A_THREAD = 64 << 10
"""Bytes; larger bodies are decoded beside the loop, so that others are answered meanwhile."""
SPARE = 32 << 20
"""Bytes over the limit that are still read and thrown away: a sender whose connection is closed
while it sends sees a reset instead of the reason."""
TELL_EVERY = 60.0
PLACE, UNKNOWN, UNPACKS = 256 << 10, 1 << 20, 4
"""Bytes of one place; bytes that a body without a length counts for, and how far one unpacks."""
TURNED_AWAY = {408: "too_slow", 429: "too_many_at_once", 503: "too_many_at_once"}


def routes(parts: Parts) -> list[Route]:
    """Return a POST route for each format."""
    door, teller = Door(parts), Teller(parts)
    formats = collect(bot.ingest, IngestFormat)
    return [_route(known, parts, door, teller) for known in formats.values()]


def _route(known: IngestFormat, parts: Parts, door: "Door", teller: "Teller") -> Route:
    async def receive(request: Request) -> Response:
        kind = _kind(request)
        if known.answers is not None and kind in known.readers:
            request.state.fault = Fault(kind, known.answers.fault)
        source = door.admit(request)
        encoding = _check_kind(request, known)
        with counted(parts, source):
            async with door.room_for(source, request):
                body = await read_body(request, parts, source)
                reader, limit = known.readers[kind], parts.limits.unpacked_bytes
                values = Values(MOST_OF_SAMPLES if kind.endswith("json") else limit)
                batch = await _decoded(reader, body, encoding, limit, values)
                appended = await parts.intake.take(source, batch)
        return teller.answer(source, known, kind, appended, batch)

    return Route(known.path, receive, methods=["POST"], name=f"ingest {known.name}")


@contextmanager
def counted(parts: Parts, source: str) -> Iterator[None]:
    """Count the bodies of a source that are refused whole."""
    try:
        yield
    except TooLarge:
        parts.intake.turn_away(source, "too_large")
        raise
    except BadPayload:
        parts.intake.turn_away(source, "unreadable")
        raise
    except HTTPException as refusal:
        if reason := TURNED_AWAY.get(refusal.status_code):
            parts.intake.turn_away(source, reason)
        raise


@dataclass(frozen=True, slots=True)
class Fault:
    """How a request's faults are worded by its format: `request.state.fault`.

    kind: the content type of the answer.
    """

    kind: str
    word: Callable[[str, int, str], bytes]

    def body(self, status: int, why: str) -> bytes:
        """Return the answer's body."""
        return self.word(self.kind, status, why)


class Door:
    """Lets in who may send, and only as many at once as can be served."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._tokens = parts, Tokens(lambda: parts.keys().ingest_tokens)
        self._inside: Counter[str] = Counter()

    def admit(self, request: Request, *, basic: bool = False) -> str:
        """Return the name of the source that sends; raises HTTPException 401, 403 or 503.

        basic: its token may also be the password of basic authentication.
        """
        source = self._without_token(request) or self._tokens.owner(request, basic=basic)
        if not self._parts.is_accepting():
            raise HTTPException(503, "shutting down; send it again", headers=SOON)
        return source

    def _without_token(self, request: Request) -> str:
        """Return who sends over loopback without a token; empty where a token is needed.

        Among several sources without one the sender says by X-Tocsin-Source which it is.
        """
        known = self._parts.keys().open_sources
        if "authorization" in request.headers or not is_loopback(self._parts.listens_on):
            return ""
        if self._tokens and not known:
            return ""
        require_loopback(request)
        said = request.headers.get(SOURCE_HEADER, "")
        if said and said not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise HTTPException(
                403, f"X-Tocsin-Source {said[:100]!r}: sources without token: {listed}"
            )
        return said or (known[0] if len(known) == 1 else ANYBODY)

    @asynccontextmanager
    async def room_for(self, source: str, request: Request) -> AsyncIterator[None]:
        """Hold places, a large body several; raises HTTPException 503, or 429 for a source with
        too many. A body that is larger than all places together gets in alone."""
        limits, places = self._parts.limits, _places(request)
        taken = self._inside.total() + self._parts.intake.backlog
        if taken and taken + places > limits.requests:
            raise HTTPException(503, "too many requests at once; try later", headers=SOON)
        own = self._inside[source]
        if own and own + places > limits.requests_a_source:
            raise HTTPException(
                429, f"too many requests at once from {source}; try later", headers=SOON
            )
        self._inside[source] += places
        try:
            yield
        finally:
            self._inside[source] -= places


def _places(request: Request) -> int:
    """Say how many places a body takes: what is read of it lies in memory until it is stored."""
    claimed = request.headers.get("content-length", "")
    size = int(claimed) if claimed.isdecimal() else UNKNOWN
    packed = request.headers.get("content-encoding", "").strip().lower() not in ("", "identity")
    return 1 + size * (UNPACKS if packed else 1) // PLACE


def _kind(request: Request) -> str:
    """Return the content type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_kind(request: Request, known: IngestFormat) -> str:
    """Return the Content-Encoding, empty for none.

    Raises HTTPException 415 where the body is of another kind than this format reads.
    """
    kind, parameters = _kind(request), request.headers.get("content-type", "").partition(";")[2]
    wanted = " or ".join(known.readers)
    if kind not in known.readers:
        raise HTTPException(415, f"Content-Type {kind or 'is missing'}: {wanted} is read")
    if "proto=" in parameters and "prometheus.WriteRequest" not in parameters:
        # Remote write 2.0 asks first; the answer makes the sender fall back to 1.0.
        raise HTTPException(415, f"Content-Type {parameters.strip()}: remote write 1.0 is read")
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding == "identity":
        encoding = ""
    if encoding not in known.encodings:
        right = " or ".join(encoding or "none" for encoding in known.encodings)
        raise HTTPException(415, f"Content-Encoding {encoding or 'is missing'}: {right} is read")
    return encoding


async def read_body(request: Request, parts: Parts, source: str) -> bytes:
    """Read the body within the limits of size and time; raises TooLarge, HTTPException 408."""
    limit = parts.keys().body_bytes.get(source, parts.limits.body_bytes)
    chunks, size = list[bytes](), 0
    claimed = request.headers.get("content-length", "")
    is_over = claimed.isdecimal() and int(claimed) > limit
    try:
        async with asyncio.timeout(parts.limits.body_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit + SPARE:
                    break
                is_over = is_over or size > limit
                if is_over:
                    chunks.clear()
                else:
                    chunks.append(chunk)
    except TimeoutError as error:
        seconds = parts.limits.body_seconds
        reason = f"the body did not come within {seconds:g} s"
        raise HTTPException(408, reason, headers={"Connection": "close"}) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the sender hung up") from error
    if is_over:
        said = claimed or f"over {limit}"
        raise TooLarge(f"the body has {said} bytes; at most {limit} are taken from {source}")
    return b"".join(chunks)


async def _decoded(reader: Decode, body: bytes, encoding: str, limit: int, values: Values) -> Batch:
    def decode() -> Batch:
        return reader(gunzip(body, limit, values.add) if encoding == "gzip" else body, limit)

    # What is packed may be a hundred times as large.
    if len(body) < (IN_A_THREAD >> 4 if encoding else IN_A_THREAD):
        return decode()
    return await asyncio.to_thread(decode)


class Teller:
    """Tells the sender, and once a minute the log, what was not stored of a good body."""

    def __init__(self, parts: Parts) -> None:
        self._clock, self._told = parts.desks.clock, dict[str, float]()

    def answer(
        self, source: str, known: IngestFormat, kind: str, appended: Appended, batch: Batch
    ) -> Response:
        """Return 204 where all was stored, else 200 with counts and an example for each reason.

        A format that words its answers itself gets 200 in any case.
        """
        refused = {**batch.ignored, **{k: n for k, n in appended.refused.items() if n}}
        examples = {**batch.examples, **appended.examples}
        if refused:
            self._log(source, known.name, refused, examples)
        if known.answers is not None:
            why = "; ".join(
                f"{count} {reason}: {examples.get(reason, '')}" for reason, count in refused.items()
            )
            said = known.answers.taken(kind, sum(refused.values()), why)
            return Response(said, headers={"Content-Type": kind})
        if not refused:
            return Response(status_code=204)
        return JSONResponse({"stored": appended.stored, "refused": refused, "examples": examples})

    def _log(
        self, source: str, name: str, refused: Mapping[str, int], examples: Mapping[str, str]
    ) -> None:
        now = self._clock.steady()
        if now - self._told.get(source, -TELL_EVERY) >= TELL_EVERY:
            self._told[source] = now
            log.warning(
                "samples refused",
                source=source,
                format=name,
                refused=dict(refused),
                example=next(iter(examples.values()), ""),
            )
