"""Slack over HTTP: only what Slack signed a moment ago is believed, and no request is taken twice.

Bolt would answer the rest: it takes the same request again for five minutes, and breaks on
timestamps and signatures that are no text of Slack's.
"""

import asyncio
import hmac
from collections import OrderedDict
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

import structlog
from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.request.internals import parse_body
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from storage.clock import Clock, Steady

log = structlog.get_logger(__name__)

PATH = "/slack/events"
SEAL = "seal"
"""Where a request's context holds its signature, for what has to be done once."""
AGE = 300  # seconds between Slack's clock and ours
LARGEST = 512 * 1024  # bytes; the largest message of ours comes back with a press in 200 KiB
PATIENCE = 3.0  # seconds for a body to arrive; Slack waits for its answer no longer
MOST_AT_ONCE = 128  # requests being read
MOST_KEPT = 10_000  # signatures of the last minutes
QUIET = 60.0  # seconds between two lines in the log about refused requests

HERE = "Slack sends to this address what people say to Tocsin."
NOT_SIGNED = "This is not signed by Slack.\n"
NOT_READ = "This cannot be read.\n"


class Door:
    """One app's Request URL.

    problem: why what comes in is refused at present, with what to do; empty while all is well.
    """

    def __init__(self, app: AsyncApp, signing_secret: str, clock: Clock) -> None:
        if not signing_secret.strip():
            raise ValueError("an empty signing secret would let everybody in")
        self._app, self._secret, self._clock = app, signing_secret.encode(), clock
        self._taken: OrderedDict[str, None] = OrderedDict()
        self._reading, self._refused = 0, 0
        self._told = Steady(clock.steady() - QUIET)
        self._closed = False
        self.problem = ""

    def routes(self) -> list[Route]:
        """Return what the web server serves for it."""
        return [
            Route(PATH, self.take, methods=["POST"]),
            Route(PATH, self.look, methods=["GET"]),
        ]

    def close(self) -> None:
        """Take nothing more in: Slack tells people that the app did not respond."""
        self._closed = True

    async def look(self, _request: Request) -> Response:
        """Say to whoever tries the address that it is the right one; Slack looks at TLS so."""
        return PlainTextResponse(f"{HERE}\n")

    async def take(self, request: Request) -> Response:
        """Answer one request; 401 and no effect where Slack did not sign it, never 500."""
        if self._closed or self._reading >= MOST_AT_ONCE:
            return PlainTextResponse("not now\n", status_code=503, headers={"Retry-After": "1"})
        self._reading += 1
        try:
            body = await _read(request)
        finally:
            self._reading -= 1
        if isinstance(body, Response):
            return body
        if fault := self._fault(request, body):
            return PlainTextResponse("") if _is_ssl_check(body) else self._refuse(fault, request)
        self.problem = ""
        seal = request.headers["x-slack-signature"]
        if not self._is_new(seal):
            return PlainTextResponse("")
        return await self._dispatched(body, request.headers.get("content-type", ""), seal)

    def _fault(self, request: Request, body: bytes) -> str:
        """Say why the request is not Slack's of this moment; empty where it is."""
        stamp = request.headers.get("x-slack-request-timestamp", "")
        given = request.headers.get("x-slack-signature", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12 and given):
            return "it is not signed"
        base = b"v0:" + stamp.encode() + b":" + body
        right = "v0=" + hmac.new(self._secret, base, sha256).hexdigest()
        if not hmac.compare_digest(right.encode(), given.encode("utf-8", "surrogateescape")):
            return "its signature is wrong; is channels.slack.signing_secret that of the app?"
        away = self._clock.utc_now().timestamp() - int(stamp)
        if abs(away) > AGE:
            self.problem = (
                f"Slack's clock and this machine's are {abs(away):.0f} s apart, so that nothing "
                "from Slack is believed; set the clock"
            )
            return f"it is signed for a moment {abs(away):.0f} s away; is the clock right?"
        return ""

    def _refuse(self, fault: str, request: Request) -> Response:
        """Answer 401; the log hears of it once a minute, with a count."""
        self._refused += 1
        now = self._clock.steady()
        if now - self._told >= QUIET:
            client = request.client.host if request.client else ""
            log.warning("not from Slack", reason=fault, client=client, count=self._refused)
            self._told, self._refused = now, 0
        return PlainTextResponse(NOT_SIGNED, status_code=401)

    def _is_new(self, seal: str) -> bool:
        """Remember a signature; what a restart forgets, whoever does the work knows from disk."""
        if seal in self._taken:
            return False
        self._taken[seal] = None
        if len(self._taken) > MOST_KEPT:
            self._taken.popitem(last=False)
        return True

    async def _dispatched(self, body: bytes, kind: str, seal: str) -> Response:
        """Let Bolt find who answers. Nothing unsigned reaches it: no other header, no query."""
        try:
            text = body.decode()
            kind = kind.partition(";")[0].strip().lower()
            _checked(parse_body(text, kind))
            told = AsyncBoltRequest(body=text, headers={"content-type": kind}, context={SEAL: seal})
            answer = to_starlette_response(await self._app.async_dispatch(told))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            log.warning("a request of Slack's cannot be read", reason=type(error).__name__)
            return PlainTextResponse(NOT_READ, status_code=400)
        return answer if answer.status_code < 500 else PlainTextResponse(NOT_READ, status_code=400)


async def _read(request: Request) -> bytes | Response:
    """Return the body, or the refusal of one that is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    return _cut_off(413, f"at most {LARGEST} bytes are taken\n")
    except TimeoutError:
        return _cut_off(408, f"the body did not come within {PATIENCE:g} s\n")
    except ClientDisconnect:
        return _cut_off(400, "the sender hung up\n")
    return bytes(body)


def _cut_off(status: int, text: str) -> Response:
    return PlainTextResponse(text, status_code=status, headers={"Connection": "close"})


def _is_ssl_check(body: bytes) -> bool:
    """Say whether Slack only looks at the certificate; that is not signed and does nothing."""
    return len(body) < 2048 and parse_qs(body.decode("latin-1")).get("ssl_check") == ["1"]


def _checked(parsed: Any) -> None:
    if not isinstance(parsed, dict):
        raise TypeError("not an object")
