"""The control verbs of Twilio in its own process."""

import time
from typing import Any

from tests.vendors.process import Desk
from tests.vendors.twilio import TwilioServer
from tests.vendors.twilio_calls import Answer
from tests.vendors.twilio_messages import Fate, Json


class TwilioDesk(Desk):
    """What a test may ask of Twilio from another process."""

    _vendor: TwilioServer

    async def messages(self, to: str = "") -> list[Json]:
        """List the messages sent, oldest first; `at` in monotonic seconds."""
        now = time.monotonic()
        return [sms.as_json(now) | {"at": sms.at} for sms in self._vendor.sent(to)]

    async def fate(self, to: str, **fields: Any) -> None:
        """Say what becomes of messages to a number: end, error, pause."""
        self._vendor.fate[to] = Fate(**fields)

    async def stop(self, number: str) -> None:
        """Let a number have texted STOP."""
        self._vendor.stopped.add(number)

    async def inbound(self, url: str, body: str, from_: str) -> Json:
        """Bring an SMS to the webhook at `url`."""
        status, text = await self._vendor.inbound(url, body, from_=from_)
        return {"status": status, "text": text}

    async def text(self, body: str, from_: str) -> None:
        """Send an SMS to our number, of which no webhook hears."""
        self._vendor.text(body, from_=from_)

    async def place(self, public: str, inside: str) -> None:
        """Pass what goes to a public address on, as a proxy does."""
        self._vendor.places[public] = inside

    async def answer(self, to: str, **fields: Any) -> None:
        """Say what happens when a number is called: end, by, keys."""
        fields["keys"] = tuple(fields.get("keys", ()))
        self._vendor.answers[to] = Answer(**fields)

    async def phone_calls(self) -> list[Json]:
        """List the calls made, oldest first, with what was said in them."""
        return [
            call.as_json() | {"said": call.said, "at": call.at} for call in self._vendor.phone_calls
        ]
