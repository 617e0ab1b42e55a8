"""SMS through Twilio: at most two segments, the incident's number first, arrival proven.

Twilio has no idempotency key, so before a text that was not confirmed is sent once more, the
newest messages to that phone are looked through: nobody is rung twice for one thing. Failures
that show later are learnt by asking for the message's status; no address of ours has to be
reachable from outside.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.config.secret import Secret
from routing.delivery.channel import ChannelKind, Message, Receipt, Rejected, TryLater
from routing.delivery.sms_text import as_sms
from storage.clock import Clock, SystemClock
from storage.model.delivery import DeliveryStatus, Post

if TYPE_CHECKING:
    from twilio.base.exceptions import TwilioRestException, TwilioServiceException

PATIENCE = 10.0  # seconds for one call
SKEW = timedelta(seconds=30)  # how far Twilio's clock and ours may differ
MOST_SEEN, AT_A_TIME = 1_000, 100  # messages to one phone that are looked through
MOST_DOUBTS = 1_000

PASSING = frozenset({408, 425, 429})
ADVICE = {
    20003: "check channels.sms.account_sid and auth_token",
    20404: "check channels.sms.account_sid",
    21211: "correct the person's phone number",
    21212: "check channels.sms.from_number",
    21265: "correct the person's phone number",
    21408: "allow this country in Twilio's console (Messaging > Geo permissions)",
    21606: "check channels.sms.from_number: it must be a number of this account that sends SMS",
    21608: "a trial account: verify the person's number in Twilio's console, or upgrade",
    21610: "this person texted STOP: let them text START to Tocsin's number",
    21614: "this number takes no SMS: correct the person's phone number",
    21659: "check channels.sms.from_number: it must be a number of this account that sends SMS",
}
OURS = frozenset({20003, 20404, 21212, 21606, 21659})
"""Refusals of our account or number: they meet every phone."""
LATE = {
    30001: "the queue was full",
    30002: "the account is suspended",
    30003: "the phone is unreachable or switched off",
    30004: "the carrier or the person blocks us",
    30005: "the number is unknown or no longer in use",
    30006: "a landline, or a carrier that cannot be reached",
    30007: "the carrier filtered it",
    30008: "unknown error",
    30034: "the sending number is not registered with the carriers",
    21610: "the person texted STOP",
}
"""What Twilio's codes mean, from its error dictionary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsOptions:
    """from_number: E.164, e.g. "+14155550100"; a number of the Twilio account that sends SMS."""

    account_sid: str
    auth_token: Secret
    from_number: str
    api_url: str = "https://api.twilio.com"


class Sms:
    """Twilio with one kept session. It never repeats a call by itself: that would ring twice.

    twilio is imported by the first call: 230 modules and 13 MiB that an idle pager does without.
    """

    def __init__(self, options: SmsOptions, clock: Clock | None = None) -> None:
        self._options, self._from = options, options.from_number
        self._client: Any = None
        self._clock = clock or SystemClock()
        self._doubts: dict[str, datetime] = {}

    async def send(
        self,
        message: Message,
        address: str,
        key: str,
        post: Post | None,  # noqa: ARG002
    ) -> Receipt:
        """Text the person at `address` (E.164); `post` is for channels with threads."""
        text, began = as_sms(message, segments=2), self._clock.utc_now()
        if message.doubted_since is not None:
            self._doubt(key, message.doubted_since)
        if (since := self._doubts.get(key)) and (sid := await self._taken(address, text, since)):
            del self._doubts[key]
            return Receipt(provider_id=sid)
        try:
            sid = await self._create(address, text)
        except (TryLater, asyncio.CancelledError):
            self._doubt(key, began)
            raise
        self._doubts.pop(key, None)
        return Receipt(provider_id=sid)

    async def _create(self, address: str, text: str) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                messages = await self._messages()
                made = await messages.create_async(to=address, from_=self._from, body=text)
        except Exception as error:
            raise explained(error, f"Twilio, SMS to {address}") from error
        return str(made.sid)

    async def _messages(self) -> Any:
        """Return Twilio's list of messages, by the client that the first call opens."""
        if self._client is None:
            # Beside the loop: an eighth of a second in which others are served.
            await asyncio.to_thread(import_module, "twilio.rest.api")
        if self._client is None:
            from twilio.http.async_http_client import AsyncTwilioHttpClient
            from twilio.rest import Client

            options = self._options
            http = AsyncTwilioHttpClient()  # never max_retries: it repeats what was done
            client = Client(options.account_sid, options.auth_token.reveal(), http_client=http)
            client.api.base_url = options.api_url.rstrip("/")
            self._client = client
        return self._client.messages

    def _doubt(self, key: str, began: datetime) -> None:
        self._doubts.setdefault(key, began)
        if len(self._doubts) > MOST_DOUBTS:
            del self._doubts[next(iter(self._doubts))]

    async def _taken(self, address: str, text: str, since: datetime) -> str:
        """Return the id of this very text, had Twilio taken it `since` then; else an empty text."""
        try:
            async with asyncio.timeout(PATIENCE):
                messages = await self._messages()
                newest = await messages.stream_async(
                    to=address, limit=MOST_SEEN, page_size=AT_A_TIME
                )
                async for one in newest:
                    if one.date_created < since - SKEW:
                        break
                    if one.body == text:
                        return str(one.sid)
        except Exception as error:
            refusal = explained(error, f"Twilio, asking about SMS to {address}")
            if isinstance(refusal, Rejected):  # not ours to see: rather twice than not at all
                return ""
            raise refusal from error
        return ""

    async def outcome(self, provider_id: str) -> Receipt:
        """Ask what became of an SMS: DELIVERED, FAILED with the reason, or still only SENT."""
        try:
            async with asyncio.timeout(PATIENCE):
                messages = await self._messages()
                found = await messages(provider_id).fetch_async()
        except Exception as error:
            raise explained(error, "Twilio, asking about an SMS") from error
        if found.status == "delivered":
            return Receipt(provider_id=provider_id, status=DeliveryStatus.DELIVERED)
        if found.status in {"undelivered", "failed", "canceled"}:
            return Receipt(
                provider_id=provider_id,
                status=DeliveryStatus.FAILED,
                error=_reason(str(found.status), found.error_code),
            )
        return Receipt(provider_id=provider_id)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.http_client.close()


def _reason(status: str, code: object) -> str:
    """Say why an SMS did not arrive: `undelivered: the carrier filtered it (30007)`."""
    number = int(str(code)) if str(code).isdecimal() else 0
    if not number:
        return status
    return f"{status}: {LATE.get(number, 'see this code in the error dictionary')} ({number})"


def explained(error: Exception, what: str) -> TryLater | Rejected:
    """Say what a failed call means; only a plain refusal is final."""
    from twilio.base.exceptions import TwilioRestException, TwilioServiceException

    match error:
        case TwilioRestException() | TwilioServiceException():
            return _answered(error, what)
        case aiohttp.ClientConnectorError():
            return TryLater(f"{what}: cannot be reached")
        case TimeoutError():
            return TryLater(f"{what}: no answer in time")
        case OSError() | aiohttp.ClientError():
            return TryLater(f"{what}: the connection broke")
    return TryLater(f"{what}: an answer that is not Twilio's ({type(error).__name__})")


def _answered(
    error: "TwilioRestException | TwilioServiceException", what: str
) -> TryLater | Rejected:
    if error.status in PASSING or not 400 <= error.status < 500:
        return TryLater(f"{what}: Twilio answers {error.status}")
    words = getattr(error, "msg", "") or getattr(error, "title", "")
    return Rejected(
        f"{what}: {error.code} {words}",
        advice=ADVICE.get(error.code or 0, ""),
        fault=str(error.code) if error.code in OURS else "",
    )


CHANNEL = ChannelKind(name="sms", options=SmsOptions, open=Sms, proves=True)
