"""Outgoing webhooks: incidents for programs, in Alertmanager's format, signed.

    X-Tocsin-Signature: t=1772452800,v1=<HMAC-SHA256 of "1772452800." and the body, in hex>

A receiver computes the same with its key and refuses what is older than a few minutes.
`X-Tocsin-Delivery` is the same for every try of the same state: what came before is a repeat.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import aiohttp

from bot.channels.once import receipt
from bot.channels.retry_after import seconds
from bot.channels.webhook_body import body_of, report_body
from bot.config.secret import Secret
from bot.outbound import (
    Forbidden,
    Guard,
    Resolve,
    Resolver,
    guarded_socket,
    host_of,
    look_up,
    read_networks,
    resolve,
)
from routing.delivery.channel import ChannelKind, Message, Receipt, Rejected, TryLater
from routing.delivery.report import Finished
from storage.clock import Clock, SystemClock
from storage.model.delivery import Post, Purpose

NAME = "webhook"
PATIENCE = 10.0  # seconds for one call
SHORTEST_KEY = 16
PASSING = frozenset({408, 409, 425, 429})
ALLOW = "add its network to channels.webhook.allow if it is meant to be called"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """Programs that are told.

    urls:  name -> address; often a secret in itself.   keys: name -> what signs its calls.
    allow: networks inside that may be called, such as 10.1.0.0/16.
    """

    urls: dict[str, Secret]
    keys: dict[str, Secret]
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse networks that are none; raises ValueError."""
        read_networks(self.allow)


class Webhook:
    """One kept session. Nothing is retried in here, and no redirect followed."""

    def __init__(
        self, options: WebhookOptions, clock: Clock | None = None, ask: Resolve = resolve
    ) -> None:
        self._options, self._clock = options, clock or SystemClock()
        self._guard = Guard(read_networks(options.allow))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=Resolver(self._guard, ask),
                socket_factory=guarded_socket(self._guard),
                use_dns_cache=False,
            ),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        """Tell the program of this name how the incident stands, unless it knows."""
        if address not in self._options.urls:
            advice = f"add it to channels.webhook.urls; known: {', '.join(self._options.urls)}"
            raise Rejected(f"webhook, none is called {address!r}", advice=advice)
        body = body_of(message, address)
        state = hashlib.sha256(key.encode() + b"\0" + body).hexdigest()[:32]
        is_known = post is not None and post.message_id == state
        if not (message.purpose is Purpose.ROOM and is_known):
            refusal = await self._call(address, body, state)
            if refusal is not None:
                raise refusal
        return receipt(message, NAME, address, post, provider_id=state)

    async def send_report(self, report: Finished, address: str, key: str) -> Receipt:
        """Tell the program of this name what a report says; charts and files stay behind."""
        if address not in self._options.urls:
            advice = f"add it to channels.webhook.urls; known: {', '.join(self._options.urls)}"
            raise Rejected(f"webhook, none is called {address!r}", advice=advice)
        state = hashlib.sha256(key.encode()).hexdigest()[:32]
        refusal = await self._call(address, report_body(report, address), state)
        if refusal is not None:
            raise refusal
        return Receipt(provider_id=state)

    async def _call(self, name: str, body: bytes, state: str) -> TryLater | Rejected | None:
        """Post it; every failure is returned as a word that does not show the address."""
        what = f"webhook {name}"
        url, key = self._options.urls[name].reveal(), self._options.keys[name]
        try:
            host_of(url)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "tocsin",
                "X-Tocsin-Delivery": state,
                "X-Tocsin-Signature": sign(key, self._clock.utc_now(), body),
            }
            async with self._session.post(
                url, data=BytesIO(body), headers=headers, allow_redirects=False
            ) as answer:
                return _meant(answer, what)
        except Exception as error:
            return _explained(error, what)

    async def outcome(self, provider_id: str) -> Receipt:
        """Say that nothing more is known; the kind does not prove."""
        raise TryLater(f"a webhook proves nothing about {provider_id}")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()


def sign(key: Secret, at: datetime, body: bytes) -> str:
    """Return the signature's header. at: aware UTC, told in Unix seconds.

    >>> from datetime import UTC
    >>> sign(Secret("k" * 16), datetime(2026, 3, 2, 12, tzinfo=UTC), b"{}")[:32]
    't=1772452800,v1=f4f7b9ee7384a1f9'
    """
    told = f"{at.timestamp():.0f}"
    mac = hmac.new(key.reveal().encode(), f"{told}.".encode() + body, hashlib.sha256)
    return f"t={told},v1={mac.hexdigest()}"


def _meant(answer: aiohttp.ClientResponse, what: str) -> TryLater | Rejected | None:
    """Say what a status means; the body is of no concern."""
    status = answer.status
    if 200 <= status < 300:
        return None
    if status in PASSING or status >= 500:
        wait = seconds(answer.headers.get("Retry-After", ""))
        return TryLater(f"{what}: answers {status}", after=wait)
    if 300 <= status < 400:
        advice = (
            "redirects are not followed: put the address it leads to into channels.webhook.urls"
        )
        return Rejected(f"{what}: answers {status} and leads elsewhere", advice=advice)
    advice = {
        401: "the receiver does not take the signature: compare its key with channels.webhook.keys",
        403: "the receiver does not take the signature: compare its key with channels.webhook.keys",
        404: "check the address in channels.webhook.urls",
        410: "the receiver is gone: take it out of channels.webhook.urls and the policies' rooms",
    }.get(status, "")
    return Rejected(f"{what}: answers {status}", advice=advice)


def _explained(error: Exception, what: str) -> TryLater | Rejected:
    match error:
        case Forbidden() | aiohttp.ClientConnectorError(os_error=Forbidden()):
            refusal = error if isinstance(error, Forbidden) else error.os_error
            return Rejected(f"{what}: {refusal}: not called", advice=ALLOW)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return TryLater(f"{what}: its certificate is not to be trusted")
        case aiohttp.ClientConnectorError():
            return TryLater(f"{what}: cannot be reached")
        case TimeoutError():
            return TryLater(f"{what}: no answer in time")
        case ValueError():
            return Rejected(f"{what}: its address is none", advice="correct channels.webhook.urls")
    return TryLater(f"{what}: the connection broke ({type(error).__name__})")


def faults(options: WebhookOptions) -> Iterator[tuple[tuple[str, ...], str]]:
    """Say which addresses must not or cannot be called, and which keys are missing or weak."""
    guard = Guard(read_networks(options.allow))
    for name, url in options.urls.items():
        try:
            host, port = host_of(url.reveal())
            guard.check_all(host, look_up(host, port))
        except Forbidden as refusal:
            yield ("urls", name), f"{refusal}: it would not be called; {ALLOW}"
        except ValueError as error:
            yield ("urls", name), f"found a text that is no address; {error}"
        if name not in options.keys:
            yield ("urls", name), f"nothing signs its calls; expected a key in `keys.{name}`"
    for name, key in options.keys.items():
        if name not in options.urls:
            known = ", ".join(sorted(options.urls)) or "none"
            yield ("keys", name), f"no webhook is called {name!r} in `urls`; known: {known}"
        if len(key.reveal()) < SHORTEST_KEY:
            expected = (
                f"expected {SHORTEST_KEY} characters at least, such as `openssl rand -hex 24`"
            )
            yield ("keys", name), f"the key is too short; {expected}"


def addresses(options: WebhookOptions) -> Mapping[str, Secret]:
    """Return the programs by their names."""
    return options.urls


CHANNEL = ChannelKind(
    name=NAME,
    options=WebhookOptions,
    open=Webhook,
    has_rooms=True,
    asks=False,
    wants_alerts=True,
    takes_reports=True,
    addresses=addresses,
    faults=faults,
)
