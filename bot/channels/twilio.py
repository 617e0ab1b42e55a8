"""Twilio's API: one kept session, and what its refusals mean. SMS and calls share it.

twilio is imported by the first call: 230 modules and 13 MiB that an idle pager does without.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bot.config.secret import Secret
from routing.delivery.channel import Rejected, TryLater

if TYPE_CHECKING:
    from twilio.base.exceptions import TwilioRestException, TwilioServiceException

PATIENCE = 10.0  # seconds for one call
SKEW = timedelta(seconds=30)  # how far Twilio's clock and ours may differ
BAD_CALLBACK = frozenset({21205, 21609})
"""Twilio does not take our address; nothing was done."""
MOST_DOUBTS = 1_000
PASSING = frozenset({408, 425, 429})
ADVICE = {
    13224: "correct the person's phone number: it cannot be called",
    20003: "check channels.{channel}.account_sid and auth_token",
    20404: "check channels.{channel}.account_sid",
    21211: "correct the person's phone number",
    21210: "check channels.{channel}.from_number: it must be a number of this account that calls",
    21212: "check channels.{channel}.from_number",
    21215: "allow this country in Twilio's console (Voice > Settings > Geo permissions)",
    21219: "a trial account: verify the person's number in Twilio's console, or upgrade",
    21265: "correct the person's phone number",
    21408: "allow this country in Twilio's console (Messaging > Geo permissions)",
    21606: "check channels.{channel}.from_number: it must be a number of this account that sends "
    "SMS",
    21608: "a trial account: verify the person's number in Twilio's console, or upgrade",
    21610: "this person texted STOP: let them text START to Tocsin's number",
    21614: "this number takes no SMS: correct the person's phone number",
    21659: "check channels.{channel}.from_number: it must be a number of this account that sends "
    "SMS",
}
OURS = frozenset({20003, 20404, 21210, 21212, 21606, 21659})
"""Refusals of our account or number: they meet every phone."""


class Refused(Rejected):
    """Twilio says no. code: its number for the reason; 0 where it gave none."""

    def __init__(self, reason: str, *, code: int, advice: str, fault: str) -> None:
        super().__init__(reason, advice=advice, fault=fault)
        self.code = code


@runtime_checkable
class TakesCallbacks(Protocol):
    """A channel that lets Twilio call us, once it knows where we are reached."""

    def take_callbacks(self, place: str, secret: str) -> None:
        """Be reached at `place`, without a slash at the end; `secret` signs what names a call."""
        ...


class Account:
    """A Twilio account. It never repeats a call by itself: that would ring twice.

    channel: the section of the configuration that advice names.
    """

    def __init__(self, channel: str, account_sid: str, auth_token: Secret, api_url: str) -> None:
        self._channel, self._sid, self._token = channel, account_sid, auth_token
        self._url = api_url.rstrip("/")
        self._client: Any = None

    @asynccontextmanager
    async def calling(self, what: str) -> AsyncIterator[Any]:
        """Hand out the client; raises TryLater or Refused, which begin with `what`."""
        try:
            async with asyncio.timeout(PATIENCE):
                yield await self._opened()
        except (TryLater, Rejected):
            raise
        except Exception as error:
            raise explained(error, what, self._channel) from error

    async def _opened(self) -> Any:
        if self._client is None:
            # Beside the loop: an eighth of a second in which others are served.
            await asyncio.to_thread(import_module, "twilio.rest.api")
        if self._client is None:
            from twilio.http.async_http_client import AsyncTwilioHttpClient
            from twilio.rest import Client

            http = AsyncTwilioHttpClient()  # never max_retries: it repeats what was done
            client = Client(self._sid, self._token.reveal(), http_client=http)
            client.api.base_url = self._url
            self._client = client
        return self._client

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.http_client.close()


class Doubts:
    """Sends whose outcome nobody saw: outbox key -> since when Twilio may have them."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def add(self, key: str, began: datetime) -> None:
        """Remember; what was doubted before stays so since then."""
        self._since.setdefault(key, began)
        if len(self._since) > MOST_DOUBTS:
            del self._since[next(iter(self._since))]

    def since(self, key: str) -> datetime | None:
        """Return since when Twilio may have it; None: there is no doubt."""
        return self._since.get(key)

    def settle(self, key: str) -> None:
        """It is known now."""
        self._since.pop(key, None)


def advice(code: int, channel: str) -> str:
    """Say what can be done about a refusal with this code; empty where nothing is known."""
    return ADVICE.get(code, "").format(channel=channel)


def explained(error: Exception, what: str, channel: str) -> TryLater | Rejected:
    """Say what a failed call means; only a plain refusal is final."""
    import aiohttp
    from twilio.base.exceptions import TwilioRestException, TwilioServiceException

    match error:
        case TwilioRestException() | TwilioServiceException():
            return _answered(error, what, channel)
        case aiohttp.ClientConnectorError():
            return TryLater(f"{what}: cannot be reached")
        case TimeoutError():
            return TryLater(f"{what}: no answer in time", doubtful=True)
        case OSError() | aiohttp.ClientError():
            return TryLater(f"{what}: the connection broke", doubtful=True)
    odd = f"{what}: an answer that is not Twilio's ({type(error).__name__})"
    return TryLater(odd, doubtful=True)


def _answered(
    error: "TwilioRestException | TwilioServiceException", what: str, channel: str
) -> TryLater | Rejected:
    if error.status in PASSING or not 400 <= error.status < 500:
        is_refused = error.status == 429  # too many: then nothing was done
        return TryLater(f"{what}: Twilio answers {error.status}", doubtful=not is_refused)
    words = getattr(error, "msg", "") or getattr(error, "title", "")
    code = error.code or 0
    return Refused(
        f"{what}: {error.code} {words}",
        code=code,
        advice=advice(code, channel),
        fault=str(code) if code in OURS else "",
    )
