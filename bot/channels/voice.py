"""Phone calls through Twilio: a page is read out, and answered by a key.

Where Twilio reaches us it fetches the words when somebody picks up, so that they say how it
stands then, and brings the key that was pressed. Without a public address the words go along
with the call, and are answered elsewhere. A voicemail is nobody: the next channel goes.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from bot.channels.twilio import BAD_CALLBACK, SKEW, Account, Doubts, Refused
from bot.channels.voice_proof import proof
from bot.channels.voice_token import CallTokens
from bot.channels.voice_words import goodbye, spoken
from bot.config.secret import Secret
from routing.delivery.channel import ChannelKind, Message, Receipt, Rejected, TryLater
from storage.clock import Clock, SystemClock
from storage.model.delivery import Post, Purpose

PATH = "/twilio/voice/"
DETECTED_WITHIN = 8
"""Seconds in which Twilio finds out whether a person answers; they hear nothing until then."""
MOST_SEEN = 50  # calls to one phone that are looked through


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceOptions:
    """from_number: E.164; a number of the Twilio account that calls.

    ring_seconds: how long it rings until that is no answer; mailboxes pick up after about 25.
    language:     of the voice that reads, as Twilio names it.
    """

    account_sid: str
    auth_token: Secret
    from_number: str
    ring_seconds: int = 25
    language: str = "en-US"
    api_url: str = "https://api.twilio.com"

    def __post_init__(self) -> None:
        if not 5 <= self.ring_seconds <= 60:
            raise ValueError(f"ring_seconds: found {self.ring_seconds}; expected 5 to 60 seconds")


class Voice:
    """Calls people. Only pages are worth a ring: news goes by other ways."""

    def __init__(self, options: VoiceOptions, clock: Clock | None = None) -> None:
        self.options = options
        self._account = Account("voice", options.account_sid, options.auth_token, options.api_url)
        self._clock = clock or SystemClock()
        self._doubts = Doubts()
        self._place = ""
        self._tokens: CallTokens | None = None

    def take_callbacks(self, place: str, secret: str) -> None:
        """Let Twilio fetch the words from `place` and bring the keys there."""
        self._place, self._tokens = place, CallTokens(secret)

    async def send(
        self,
        message: Message,
        address: str,
        key: str,
        post: Post | None,  # noqa: ARG002
    ) -> Receipt:
        """Call the person at `address` (E.164); `post` is for channels with threads."""
        if message.purpose is Purpose.NOTICE and not key.startswith("test/"):
            raise Rejected("a call is for pages only")
        began = self._clock.utc_now()
        if message.doubted_since is not None:
            self._doubts.add(key, message.doubted_since)
        if (since := self._doubts.since(key)) and (sid := await self._taken(address, since)):
            self._doubts.settle(key)
            return Receipt(provider_id=sid)
        try:
            sid = await self._create(message, address, key)
        except (TryLater, asyncio.CancelledError):
            self._doubts.add(key, began)
            raise
        self._doubts.settle(key)
        return Receipt(provider_id=sid)

    async def _create(self, message: Message, address: str, key: str) -> str:
        if self._tokens is not None and key.startswith("incident/"):
            place = f"{self._place}{PATH}{self._tokens.token(key)}"
            try:
                return await self._call(address, url=place, status_callback=f"{place}/status")
            except Refused as refusal:
                if refusal.code not in BAD_CALLBACK:
                    raise
                self._tokens = None  # it is read out all the same, and asked about
        words = goodbye(spoken(message), self.options.language, twice=True)
        return await self._call(address, twiml=words)

    async def _call(self, address: str, **words: str) -> str:
        async with self._account.calling(f"Twilio, call to {address}") as client:
            made = await client.calls.create_async(
                to=address,
                from_=self.options.from_number,
                timeout=self.options.ring_seconds,
                machine_detection="Enable",
                machine_detection_timeout=DETECTED_WITHIN,
                **words,
            )
        return str(made.sid)

    async def _taken(self, address: str, since: datetime) -> str:
        """Return the id of a call that Twilio made `since` then; else an empty text.

        A phone has one call at a time from us, so that it needs no other sign.
        """
        try:
            async with self._account.calling(f"Twilio, asking about calls to {address}") as client:
                newest = await client.calls.stream_async(to=address, limit=MOST_SEEN)
                async for one in newest:
                    if one.date_created < since - SKEW:
                        break
                    return str(one.sid)
        except Rejected:  # not ours to see: rather twice than not at all
            return ""
        return ""

    async def outcome(self, provider_id: str) -> Receipt:
        """Ask what became of a call: DELIVERED where a person took it, FAILED, or still SENT."""
        async with self._account.calling("Twilio, asking about a call") as client:
            found = await client.calls(provider_id).fetch_async()
        return proof(provider_id, str(found.status), found.answered_by or "")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._account.close()


CHANNEL = ChannelKind(
    name="voice",
    options=VoiceOptions,
    open=Voice,
    proves=True,
    pages_only=True,
    seconds_between=45.0,
)
