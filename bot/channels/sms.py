"""SMS through Twilio: at most two segments, the incident's number first, arrival proven.

Twilio has no idempotency key, so before a text that was not confirmed is sent once more, the
newest messages to that phone are looked through: nobody is rung twice for one thing. Failures
that show later are told by Twilio where it can reach us, and asked for in any case.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.channels.sms_proof import STOPPED, code_of, proof
from bot.channels.twilio import BAD_CALLBACK, SKEW, Account, Doubts, Refused
from bot.config.secret import Secret
from routing.delivery.channel import ChannelKind, Message, Receipt, Rejected, TryLater
from routing.delivery.sms_text import as_sms
from routing.flow.phones import INVITE, PhoneBook
from storage.clock import Clock, SystemClock
from storage.model.delivery import Post

MOST_SEEN, AT_A_TIME = 1_000, 100  # messages that are looked through at once
CALLBACK = "/twilio/status"
ANSWER_HERE, ANSWER_THERE = "ack", "/tocsin ack"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsOptions:
    """from_number: E.164, e.g. "+14155550100"; a number of the Twilio account that sends SMS.

    verify: nothing but critical pages goes to a number before its owner has confirmed it.
    """

    account_sid: str
    auth_token: Secret
    from_number: str
    verify: bool = True
    api_url: str = "https://api.twilio.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An SMS that somebody sent us. at: when Twilio took it, aware UTC."""

    sid: str
    sender: str
    text: str
    at: datetime


class Sms:
    """Texts people. What they may be sent, and what they answered, is the phone book's matter.

    book: who texted STOP and which numbers are confirmed; None: nobody asks (`send-test`).
    """

    def __init__(self, options: SmsOptions, clock: Clock | None = None) -> None:
        self.options = options
        self._account = Account("sms", options.account_sid, options.auth_token, options.api_url)
        self._clock = clock or SystemClock()
        self._doubts = Doubts()
        self._callback = ""
        self._book: PhoneBook | None = None

    def take_callbacks(self, place: str, secret: str) -> None:  # noqa: ARG002
        """Let Twilio tell `place` what becomes of each text."""
        self._callback = place + CALLBACK

    def take_book(self, book: PhoneBook) -> None:
        """Heed `book`; and answers are heard from now on, so texts say how to answer by SMS."""
        self._book = book

    async def send(
        self,
        message: Message,
        address: str,
        key: str,
        post: Post | None,  # noqa: ARG002
    ) -> Receipt:
        """Text the person at `address` (E.164); `post` is for channels with threads."""
        began = self._clock.utc_now()
        text = await self._text(message, address, key)
        if message.doubted_since is not None:
            self._doubts.add(key, message.doubted_since)
        if (since := self._doubts.since(key)) and (sid := await self._taken(address, text, since)):
            self._doubts.settle(key)
            return Receipt(provider_id=sid)
        try:
            sid = await self._create(address, text)
        except (TryLater, asyncio.CancelledError):
            self._doubts.add(key, began)
            raise
        self._doubts.settle(key)
        return Receipt(provider_id=sid)

    async def _text(self, message: Message, address: str, key: str) -> str:
        """Write what is sent; raises Rejected where nothing may be."""
        book = self._book
        if book is None:
            return as_sms(message, segments=2)
        if refusal := await book.refusal(address, message, key):
            raise refusal
        if key.startswith(INVITE):
            return _invitation(await book.new_code(address))
        return as_sms(message, segments=2, answer=ANSWER_HERE)

    async def _create(self, address: str, text: str) -> str:
        more = {"status_callback": self._callback} if self._callback else {}
        try:
            return await self._post(address, text, more)
        except Refused as refusal:
            if refusal.code in BAD_CALLBACK and more:
                self._callback = ""  # it is asked instead
                return await self._post(address, text, {})
            if refusal.code == STOPPED and self._book is not None:
                await self._book.note_stopped(address)
            raise

    async def _post(self, address: str, text: str, more: dict[str, Any]) -> str:
        async with self._account.calling(f"Twilio, SMS to {address}") as client:
            ours = self.options.from_number
            made = await client.messages.create_async(to=address, from_=ours, body=text, **more)
        return str(made.sid)

    async def _taken(self, address: str, text: str, since: datetime) -> str:
        """Return the id of this very text, had Twilio taken it `since` then; else an empty text."""
        try:
            async with self._account.calling(f"Twilio, asking about SMS to {address}") as client:
                newest = await client.messages.stream_async(
                    to=address, limit=MOST_SEEN, page_size=AT_A_TIME
                )
                async for one in newest:
                    if one.date_created < since - SKEW:
                        break
                    if one.body == text:
                        return str(one.sid)
        except Rejected:  # not ours to see: rather twice than not at all
            return ""
        return ""

    async def outcome(self, provider_id: str) -> Receipt:
        """Ask what became of an SMS: DELIVERED, FAILED with the reason, or still only SENT."""
        async with self._account.calling("Twilio, asking about an SMS") as client:
            found = await client.messages(provider_id).fetch_async()
        if self._book is not None and code_of(found.error_code) == STOPPED:
            await self._book.note_stopped(str(found.to))
        return proof(provider_id, str(found.status), found.error_code)

    async def inbox(self, since: datetime) -> Iterable[Heard]:
        """Return what was sent to our number since then, oldest first; raises as `send` does."""
        heard = []
        async with self._account.calling("Twilio, asking for answers") as client:
            newest = await client.messages.stream_async(
                to=self.options.from_number,
                date_sent_after=since,
                limit=MOST_SEEN,
                page_size=AT_A_TIME,
            )
            async for one in newest:
                if one.direction == "inbound":
                    at = one.date_sent or one.date_created
                    heard.append(Heard(sid=one.sid, sender=one.from_, text=one.body or "", at=at))
        return reversed(heard)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._account.close()


def _invitation(code: str) -> str:
    return (
        f"Tocsin will page you at this number. Reply {code} to confirm that it is yours. "
        "If you do not expect this, ignore it."
    )


CHANNEL = ChannelKind(name="sms", options=SmsOptions, open=Sms, proves=True)
